"""Searches for one consistent solution: the greedy pass first, then resolvelib's backtracking."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

from resolvelib import BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution

from reconciler.domain.resolution.candidates import UNCONSTRAINED, CandidateFinder, SearchConstraints
from reconciler.domain.resolution.greedy import solve_greedily
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded, Solution, Unsolvable
from reconciler.domain.resolution.propagation import forced_conflict
from reconciler.domain.resolution.provider import MAX_STEPS, Provider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.domain.resolution.requirements import Requirement

MAX_ROUNDS: Final = 20_000
QUICK_STEPS: Final = 20_000
"""Steps of the first backtracking search; constraint propagation is tried before a longer one."""
MAX_DETOURS: Final = 64
"""Searches for a solution without a cycle."""


def solve(
    roots: Sequence[Requirement],
    candidates: CandidateFinder,
    within: SearchConstraints = UNCONSTRAINED,
    *,
    steps: int = MAX_STEPS,
) -> Solution | Unsolvable:
    """Chooses a version of every Application that the roots require.

    Args:
        roots: the requirements of the declared Applications.
        candidates: the versions that can be chosen.
        within: further constraints of this search.
        steps: the limit of comparisons.

    Returns:
        The solution; or why there is none, or none within the limits.
    """
    first: CyclicSolution | None = None
    detours = deque([within])
    for _ in range(MAX_DETOURS):
        if not detours:
            break
        constraints = detours.popleft()
        match outcome := _consistent(roots, candidates, constraints, steps):
            case NoSolution():
                if first is None:
                    return outcome
            case SearchLimitExceeded():
                return first or outcome
            case solution:
                cycle = _cycle(solution, candidates)
                if not cycle:
                    return solution
                # In a solution without this cycle, at least one of its Applications has another version.
                first = first or CyclicSolution(solution, cycle)
                for name in dict.fromkeys(cycle):
                    excluded = constraints.without | {(name, solution[name].version)}
                    detours.append(replace(constraints, without=excluded))
    return first or SearchLimitExceeded()


def _consistent(
    roots: Sequence[Requirement], candidates: CandidateFinder, within: SearchConstraints, steps: int
) -> Solution | NoSolution | SearchLimitExceeded:
    """Returns a solution that may have cycles."""
    greedy = solve_greedily(roots, candidates, within)
    if greedy is not None:
        return greedy
    outcome = _backtracking(roots, candidates, within, min(steps, QUICK_STEPS))
    if isinstance(outcome, SearchLimitExceeded):  # propagation is much cheaper than a long search
        if causes := forced_conflict(roots, candidates, within):
            return NoSolution(causes)
        outcome = _backtracking(roots, candidates, within, steps)
    if isinstance(outcome, (NoSolution, SearchLimitExceeded)):
        return outcome
    # The greedy pass over the same versions attributes each candidate to who requires it in the solution, not to who
    # required it at some point of the search.
    versions = SearchConstraints(exactly={name: candidate.version for name, candidate in outcome.items()})
    attributed = solve_greedily(roots, candidates, versions)
    return dict(sorted(outcome.items())) if attributed is None or isinstance(attributed, SearchLimitExceeded) else attributed


def _backtracking(
    roots: Sequence[Requirement], candidates: CandidateFinder, within: SearchConstraints, steps: int
) -> Solution | NoSolution | SearchLimitExceeded:
    """Runs resolvelib and returns the Applications of its solution that are reached from the roots."""
    try:
        # Its Resolver would loop for ever over a cycle when it determines which Applications are connected.
        resolution = Resolution(Provider(candidates, within, steps), BaseReporter())
        mapping = resolution.resolve(roots, max_rounds=MAX_ROUNDS).mapping
    except ResolutionImpossible as impossible:
        return NoSolution(tuple(cause.requirement for cause in impossible.causes))
    except ResolutionTooDeep:
        return SearchLimitExceeded()
    reached, level = set[str](), {root.application for root in roots}
    while level:
        reached |= level
        level = {r.application for name in level for r in candidates.needs.of(mapping[name])} - reached
    return {name: mapping[name] for name in reached}


def _cycle(solution: Solution, candidates: CandidateFinder) -> tuple[str, ...]:
    """Returns Applications each of which depends on the next, the first repeated at the end; empty without a cycle."""
    dependencies = {name: sorted({r.application for r in candidates.needs.of(c)}) for name, c in solution.items()}
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1][:0:-1]
        start = cycle.index(min(cycle, key=lambda name: (len(solution[name].chain), name)))
        return (*cycle[start:], *cycle[:start], cycle[start])
    return ()
