"""One search for a consistent choice: the plain answer where there is one, else resolvelib's backtracking."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

from resolvelib import BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution

from reconciler.domain.resolution.candidates import UNCONSTRAINED, CandidateFinder, SearchConstraints
from reconciler.domain.resolution.greedy import TooManyApplications, solve_greedily
from reconciler.domain.resolution.propagation import forced_conflict
from reconciler.domain.resolution.provider import MAX_STEPS, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.resolution.requirements import Candidate, Requirement

MAX_ROUNDS: Final = 20_000
QUICK_STEPS: Final = 100_000
MAX_DETOURS: Final = 64
"""Searches for a choice without a circle."""


class NoSolution(Exception):  # noqa: N818 - it is an answer
    """There is no consistent choice.

    Attributes:
        causes: the needs that clashed last; a subclass may have none.
    """

    def __init__(self, causes: Sequence[Requirement] = ()) -> None:
        super().__init__()
        self.causes = tuple(causes)


class SearchLimitExceeded(NoSolution):
    """None was found in as much as may be compared."""


class CyclicSolution(NoSolution):
    """The only choices that were found have Applications that need each other in a circle.

    Attributes:
        found: the first of them.
        circle: its circle, each needing the next, the first again at the end.
    """

    def __init__(self, found: Mapping[str, Candidate], circle: Sequence[str]) -> None:
        super().__init__()
        self.found = found
        self.circle = tuple(circle)


def solve(
    roots: Sequence[Requirement],
    candidates: CandidateFinder,
    within: SearchConstraints = UNCONSTRAINED,
    *,
    steps: int = MAX_STEPS,
) -> Mapping[str, Candidate]:
    """Choose a version of everything that the roots need.

    Args:
        roots: what is needed at first.
        candidates: what can be chosen.
        within: what this search may choose of.
        steps: how much may be compared.

    Raises:
        Impossible: there is no such choice, or none was found in so many steps; see its subclasses, too.
    """
    first: CyclicSolution | None = None
    detours = deque([within])
    for _ in range(MAX_DETOURS):
        if not detours:
            break
        now = detours.popleft()
        try:
            found = _consistent(roots, candidates, now, steps)
        except NoSolution as impossible:
            if first is None:
                raise
            if isinstance(impossible, SearchLimitExceeded):
                break
            continue
        circle = _circle(found, candidates)
        if not circle:
            return found
        # Without the circle, at least one of those in it is in another version.
        first = first or CyclicSolution(found, circle)
        for name in dict.fromkeys(circle):
            detours.append(replace(now, without=now.without | {(name, found[name].version)}))
    raise first or SearchLimitExceeded


def is_solvable(
    roots: Sequence[Requirement],
    candidates: CandidateFinder,
    within: SearchConstraints = UNCONSTRAINED,
    *,
    steps: int = MAX_STEPS,
) -> bool:
    """Whether there is a consistent choice; False also when none was found in so many steps."""
    try:
        solve(roots, candidates, within, steps=steps)
    except NoSolution:
        return False
    return True


def _consistent(
    roots: Sequence[Requirement], candidates: CandidateFinder, within: SearchConstraints, steps: int
) -> Mapping[str, Candidate]:
    try:
        plain = solve_greedily(roots, candidates, within)
    except TooManyApplications:
        raise SearchLimitExceeded from None
    if plain is not None:
        return plain
    found = _resolvelib(roots, candidates, within, min(steps, QUICK_STEPS))
    if found is None:  # before long searches, what can be seen without any
        if causes := forced_conflict(roots, candidates, within):
            raise NoSolution(causes)
        found = _resolvelib(roots, candidates, within, steps)
    if found is None:
        raise SearchLimitExceeded
    # Once more in these versions, so that every choice is told of by who needs it now, and not by who did on the way.
    fixed = SearchConstraints(exactly={name: choice.version for name, choice in found.items()})
    return solve_greedily(roots, candidates, fixed) or dict(sorted(found.items()))


def _resolvelib(
    roots: Sequence[Requirement], candidates: CandidateFinder, within: SearchConstraints, steps: int
) -> Mapping[str, Candidate] | None:
    """What resolvelib finds; None when it was too much. Raises Impossible."""
    try:
        # Not by its Resolver, which never comes back from a circle when it looks what is connected.
        found = Resolution(Provider(candidates, within, steps), BaseReporter()).resolve(roots, max_rounds=MAX_ROUNDS).mapping
    except ResolutionImpossible as impossible:
        raise NoSolution([cause.requirement for cause in impossible.causes]) from None
    except ResolutionTooDeep:
        return None
    reached, level = set[str](), {root.application for root in roots}
    while level:
        reached |= level
        level = {n.application for name in level for n in candidates.needs.of(found[name])} - reached
    return {name: found[name] for name in reached}


def _circle(found: Mapping[str, Candidate], candidates: CandidateFinder) -> list[str]:
    """Applications of which each needs the next, the first again at the end; empty when there are none."""
    needed = {name: sorted({n.application for n in candidates.needs.of(choice)}) for name, choice in found.items()}
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1][:0:-1]
        start = circle.index(min(circle, key=lambda name: (len(found[name].chain), name)))
        return [*circle[start:], *circle[:start], circle[start]]
    return []
