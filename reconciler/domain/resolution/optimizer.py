"""Improves a consistent solution: Applications keep their locked versions where possible, and the others get the newest.

The search prefers the locked version, then the newest, of each Application by itself. Where that moves an Application that nobody
requested to move, or where the search backtracked, another solution may be better for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded, Solution
from reconciler.domain.resolution.search import solve
from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from reconciler.domain.resolution.requirements import Requirement

MAX_OPTIMIZER_TRIES: Final = 100
"""Applications that are tried in another version; the solution found until then is consistent in any case."""
MAX_OPTIMIZER_STEPS: Final = 500_000


def minimize_changes(
    solution: Solution, roots: Sequence[Requirement], candidates: CandidateFinder, upgrade: Collection[str]
) -> Solution:
    """Returns a solution that leaves a maximal set of Applications in their locked versions."""
    for name in _moved(solution, roots, candidates, upgrade)[:MAX_OPTIMIZER_TRIES]:
        unchanged = _unchanged(solution, candidates, upgrade)
        if name in unchanged or name not in solution:
            continue
        constraints = SearchConstraints(exactly=unchanged | {name: candidates.prior[name].version})
        better = _try(roots, candidates, constraints)
        if isinstance(better, SearchLimitExceeded):  # the next tries would reach it too
            break
        if better is not None and (unchanged | {name: ""}).keys() <= _unchanged(better, candidates, upgrade).keys():
            solution = better
    return solution


def maximize_versions(
    solution: Solution, roots: Sequence[Requirement], candidates: CandidateFinder, upgrade: Collection[str]
) -> Solution:
    """Returns a solution in which no Application could be newer without another one being older."""
    for name in sorted(solution)[:MAX_OPTIMIZER_TRIES]:
        unchanged = _unchanged(solution, candidates, upgrade)
        while name in solution and name not in unchanged:
            at_least = {other: c.version for other, c in solution.items() if other not in unchanged and other != name}
            above = {name: solution[name].version}
            better = _try(roots, candidates, SearchConstraints(exactly=unchanged, at_least=at_least, above=above))
            if isinstance(better, SearchLimitExceeded):  # the next tries would reach it too
                return solution
            if better is None or better.keys() != solution.keys():
                break
            solution = better
    return solution


def has_backtracked(solution: Solution, candidates: CandidateFinder, requirements: Mapping[str, Sequence[Requirement]]) -> bool:
    """Returns whether any Application has another candidate than the first that its requirements allow."""
    return any(next(candidates.of(list(requirements[name])), None) != candidate for name, candidate in solution.items())


def _try(
    roots: Sequence[Requirement], candidates: CandidateFinder, within: SearchConstraints
) -> Solution | SearchLimitExceeded | None:
    """Returns a solution without excluded versions; None when there is none."""
    match outcome := solve(roots, candidates, within, steps=MAX_OPTIMIZER_STEPS):
        case NoSolution() | CyclicSolution():
            return None
        case SearchLimitExceeded():
            return outcome
        case solution:
            return None if any(candidate.exclusion for candidate in solution.values()) else solution


def _unchanged(solution: Solution, candidates: CandidateFinder, upgrade: Collection[str]) -> dict[str, str]:
    """Returns the locked versions of the Applications that have them."""
    prior = candidates.prior
    return {
        name: candidate.version
        for name, candidate in solution.items()
        if name in prior
        and name not in upgrade
        and (prior[name].blueprint, prior[name].version) == (candidate.blueprint, candidate.version)
    }


def _moved(solution: Solution, roots: Sequence[Requirement], candidates: CandidateFinder, upgrade: Collection[str]) -> list[str]:
    """Returns the Applications that left their locked version although nobody requested it."""
    declared = {root.application: root for root in roots}
    return [
        name
        for name, candidate in sorted(solution.items())
        if (locked := candidates.prior.get(name)) is not None
        and name not in upgrade
        and locked.blueprint == candidate.blueprint
        and locked.version != candidate.version
        and (name not in declared or satisfies(locked.version, declared[name].range))
    ]
