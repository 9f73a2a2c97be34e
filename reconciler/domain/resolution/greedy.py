"""Chooses each Application's first candidate, without backtracking. This solves most inputs, and is fast."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from reconciler.domain.resolution.outcomes import SearchLimitExceeded, Solution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints
    from reconciler.domain.resolution.requirements import Candidate, Requirement

MAX_RESOLVED_APPLICATIONS: Final = 5_000
"""Upper bound on Applications: dedicated dependencies can recurse without end."""
MAX_REVISIONS: Final = 50
"""Revisions of one Application before the greedy pass gives up and leaves the work to the backtracking search."""


def solve_greedily(
    roots: Iterable[Requirement], candidates: CandidateFinder, search: SearchConstraints
) -> Solution | SearchLimitExceeded | None:
    """Chooses every Application's first candidate under all its requirements, until no choice changes any more.

    Returns:
        The solution, which meets all requirements; SearchLimitExceeded past MAX_RESOLVED_APPLICATIONS; None when the input needs
        backtracking.
    """
    greedy = _GreedyPass(candidates, search)
    for root in roots:
        greedy.add(root)
    return greedy.run()


class _GreedyPass:
    def __init__(self, candidates: CandidateFinder, search: SearchConstraints) -> None:
        self._candidates = candidates
        self._search = search
        self._chosen: dict[str, Candidate] = {}
        self._requirements: dict[str, dict[Requirement, None]] = {}  # by Application, in the order of their arrival
        self._roots: list[str] = []
        self._queue: list[tuple[int, str]] = []
        self._revisions: Counter[str] = Counter()

    def add(self, root: Requirement) -> None:
        """Adds the requirement of a declared Application."""
        self._roots.append(root.application)
        self._require([root])

    def run(self) -> Solution | SearchLimitExceeded | None:
        """Revises choices until none is left to revise; returns as `solve_greedily` does."""
        while self._queue:
            _, name = heappop(self._queue)
            requirements = list(self._requirements.get(name, ()))
            new = next(self._candidates.of(requirements, self._search), None) if requirements else None
            if requirements and new is None:
                return None
            old = self._chosen.get(name)
            if old == new:
                continue
            self._revisions[name] += 1
            if self._revisions[name] > MAX_REVISIONS:
                return None
            self._withdraw(old)
            if new is None:
                del self._chosen[name]
            else:
                self._chosen[name] = new
                if len(self._chosen) > MAX_RESOLVED_APPLICATIONS:
                    return SearchLimitExceeded()
                self._require(self._candidates.needs.of(new))
        if len(self._reached()) < len(self._chosen):  # a cycle of Applications that no declared one requires
            return None
        return dict(sorted(self._chosen.items()))

    def _require(self, requirements: Iterable[Requirement]) -> None:
        for requirement in requirements:
            self._requirements.setdefault(requirement.application, {})[requirement] = None
            heappush(self._queue, (len(requirement.chain), requirement.application))

    def _withdraw(self, old: Candidate | None) -> None:
        for requirement in self._candidates.needs.of(old) if old else ():
            self._requirements[requirement.application].pop(requirement, None)
            heappush(self._queue, (len(requirement.chain), requirement.application))

    def _reached(self) -> set[str]:
        reached, level = set(self._roots), list(self._roots)
        while level:
            requirements = (r for name in level for r in self._candidates.needs.of(self._chosen[name]))
            level = list({requirement.application for requirement in requirements} - reached)
            reached.update(level)
        return reached
