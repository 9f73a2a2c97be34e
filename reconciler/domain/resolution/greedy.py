"""The plain answer: each Application in its first candidate. Mostly that is the answer, and found fast."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints
    from reconciler.domain.resolution.requirements import Candidate, Requirement

MAX_CHOICES = 5_000  # those that bring along their own, which bring along their own, are soon without number
MAX_REVISIONS = 50  # of one Application's mind: those who go round in circles are left to the search


class TooManyApplications(Exception):  # noqa: N818 - it is an answer
    """More than MAX_CHOICES Applications are needed."""


def solve_greedily(
    roots: Iterable[Requirement], candidates: CandidateFinder, search: SearchConstraints
) -> Mapping[str, Candidate] | None:
    """Choose every Application's first candidate under all needs on it, until nothing changes any more.

    Returns:
        The choices, which meet all needs; or None when it is not that simple.

    Raises:
        TooManyApplications: there is no end of them.
    """
    found = _Choices(candidates, search)
    for root in roots:
        found.add(root)
    return found.choices() if found.settle() else None


class _Choices:
    def __init__(self, candidates: CandidateFinder, search: SearchConstraints) -> None:
        self._candidates = candidates
        self._search = search
        self._chosen: dict[str, Candidate] = {}
        self._needs: dict[str, dict[Requirement, None]] = {}  # in the order they came
        self._roots: list[str] = []
        self._due: list[tuple[int, str]] = []
        self._changes: Counter[str] = Counter()

    def add(self, root: Requirement) -> None:
        self._roots.append(root.application)
        self._demand([root])

    def settle(self) -> bool:
        while self._due:
            _, name = heappop(self._due)
            needs = list(self._needs.get(name, ()))
            new = next(self._candidates.of(needs, self._search), None) if needs else None
            if needs and new is None:
                return False
            old = self._chosen.get(name)
            if old == new:
                continue
            self._changes[name] += 1
            if self._changes[name] > MAX_REVISIONS:
                return False
            self._withdraw(old)
            if new is None:
                del self._chosen[name]
            else:
                self._chosen[name] = new
                if len(self._chosen) > MAX_CHOICES:
                    raise TooManyApplications
                self._demand(self._candidates.needs.of(new))
        return len(self._reached()) == len(self._chosen)  # else some need each other, and nobody needs them

    def choices(self) -> Mapping[str, Candidate]:
        return dict(sorted(self._chosen.items()))

    def _demand(self, needs: Iterable[Requirement]) -> None:
        for need in needs:
            self._needs.setdefault(need.application, {})[need] = None
            heappush(self._due, (len(need.chain), need.application))

    def _withdraw(self, old: Candidate | None) -> None:
        for need in self._candidates.needs.of(old) if old else ():
            self._needs[need.application].pop(need, None)
            heappush(self._due, (len(need.chain), need.application))

    def _reached(self) -> set[str]:
        reached, level = set(self._roots), list(self._roots)
        while level:
            needs = (need for name in level for need in self._candidates.needs.of(self._chosen[name]))
            level = list({need.application for need in needs} - reached)
            reached.update(level)
        return reached
