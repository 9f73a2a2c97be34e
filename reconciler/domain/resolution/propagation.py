"""Constraint propagation (arc consistency): finds requirements that conflict in every possible resolution, without backtracking.

Used when the backtracking search would exceed its step limit. Each candidate of an Application that every resolution has
restricts the candidates of its dependencies. Candidates that nothing can satisfy are removed until nothing changes; where none is
left of an Application, the requirements on it conflict.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints
    from reconciler.domain.resolution.requirements import Candidate, Requirement

MAX_PROPAGATIONS: Final = 20_000
"""Revisions of an Application's candidates; a conflict that needs more is not found."""


def forced_conflict(
    roots: Iterable[Requirement], candidates: CandidateFinder, within: SearchConstraints
) -> tuple[Requirement, ...]:
    """Returns requirements on one Application that conflict in every resolution; empty when none were found."""
    propagation = _Propagation(candidates, within)
    for root in roots:
        if conflict := propagation.restrict([root]):
            return conflict
    return propagation.propagate()


class _Propagation:
    def __init__(self, candidates: CandidateFinder, within: SearchConstraints) -> None:
        self._candidates = candidates
        self._within = within
        self._remaining: dict[str, list[Candidate]] = {}  # of each Application that every resolution has
        self._restrictions: dict[str, dict[str, Sequence[Requirement]]] = {}  # by Application and requirer
        self._queue: dict[str, None] = {}  # an ordered set of the Applications to revise

    def restrict(self, needs: Sequence[Requirement]) -> tuple[Requirement, ...]:
        """Applies one requirer's alternative requirements on an Application; returns the conflict if that leaves no candidate."""
        name, requirer = needs[0].application, needs[0].requirer
        if name not in self._remaining:
            all_ = self._all_candidates(needs)
            if any(choice.exclusion for choice in all_):
                return ()  # an excluded locked version hides the other candidates, which further requirements may bring back
            self._remaining[name] = all_
            self._queue[name] = None
        self._restrictions.setdefault(name, {})[requirer] = needs
        remaining = [choice for choice in self._remaining[name] if any(_meets(choice, need) for need in needs)]
        if len(remaining) < len(self._remaining[name]):
            self._remaining[name] = remaining
            self._queue |= dict.fromkeys((name, *self._restrictions[name]))
        return () if remaining else tuple(needs[0] for needs in self._restrictions[name].values())

    def _all_candidates(self, needs: Sequence[Requirement]) -> list[Candidate]:
        """Returns each candidate that meets any of the requirements; each is made once, as requirers repeat themselves."""
        distinct: dict[Any, dict[str, Requirement]] = {}  # by all that candidates depend on but the range, and by the range
        for need in needs:
            distinct.setdefault((need.blueprint, need.catalog, need.lineage, str(need.values)), {}).setdefault(need.range, need)
        all_: dict[Candidate, None] = {}
        for by_range in distinct.values():
            made: frozenset[tuple[str, str]] = frozenset()
            for need in by_range.values():
                choices = list(self._candidates.of([need], replace(self._within, without=self._within.without | made)))
                made |= {(choice.application, choice.version) for choice in choices}
                all_ |= dict.fromkeys(choices)
        return list(all_)

    def propagate(self) -> tuple[Requirement, ...]:
        """Revises Applications until nothing changes; returns the first conflict."""
        for _ in range(MAX_PROPAGATIONS):
            if not self._queue:
                break
            name = next(iter(self._queue))
            del self._queue[name]
            if name in self._remaining and (conflict := self._revise(name)):
                return conflict
        return ()

    def _revise(self, name: str) -> tuple[Requirement, ...]:
        of = {choice: self._candidates.needs.of(choice) for choice in self._remaining[name]}
        alive = [choice for choice, needs in of.items() if all(self._could_be(need) for need in needs)]
        if not alive:
            failing = [n for needs in of.values() for n in needs if not self._could_be(n)]
            often = Counter(n.application for n in failing)
            most = min(often, key=lambda application: (-often[application], application))
            return self.restrict([n for n in failing if n.application == most])
        self._remaining[name] = alive
        shared = set.intersection(*({n.application for n in of[choice]} for choice in alive))
        for target in sorted(shared):
            needs = [n for choice in alive for n in of[choice] if n.application == target]
            if conflict := self.restrict(needs):
                return conflict
        return ()

    def _could_be(self, need: Requirement) -> bool:
        remaining = self._remaining.get(need.application)
        return remaining is None or any(_meets(choice, need) for choice in remaining)


def _meets(choice: Candidate, need: Requirement) -> bool:
    return choice.blueprint == need.blueprint and satisfies(choice.version, need.range)
