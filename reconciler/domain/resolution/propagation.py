"""What is needed whatever is chosen, and where that clashes: found without a search, where the search has too much to try.

Every version of an Application that is surely there says which versions of its dependencies it could live with. What no version
of theirs satisfies is left out, and so on until nothing changes. Where nothing is left of one, those that need it clash.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints
    from reconciler.domain.resolution.requirements import Candidate, Requirement

MAX_LOOKS: Final = 20_000
"""Times that an Application is looked at; what is not found until then is not found."""


def forced_conflict(
    roots: Iterable[Requirement], candidates: CandidateFinder, within: SearchConstraints
) -> tuple[Requirement, ...]:
    """The needs on one Application that cannot be met together whatever else is chosen; empty when none were found."""
    sure = _Propagation(candidates, within)
    for root in roots:
        if found := sure.restrict([root]):
            return found
    return sure.propagate()


class _Propagation:
    def __init__(self, candidates: CandidateFinder, within: SearchConstraints) -> None:
        self._candidates = candidates
        self._within = within
        self._left: dict[str, list[Candidate]] = {}  # what may still be chosen of those that are surely there
        self._by: dict[str, dict[str, Sequence[Requirement]]] = {}  # who restricts whom, and how
        self._due: dict[str, None] = {}  # in the order they came, each once

    def restrict(self, needs: Sequence[Requirement]) -> tuple[Requirement, ...]:
        """One requirer's needs on an Application, any of which may come true; returns a clash."""
        name, requirer = needs[0].application, needs[0].requirer
        if name not in self._left:
            all_ = dict.fromkeys(choice for need in needs for choice in self._candidates.of([need], self._within))
            if any(choice.exclusion for choice in all_):
                return ()  # it holds back alone who does not ask to move away: with further needs there may be others
            self._left[name] = list(all_)
            self._due[name] = None
        self._by.setdefault(name, {})[requirer] = needs
        left = [choice for choice in self._left[name] if any(_meets(choice, need) for need in needs)]
        if len(left) < len(self._left[name]):
            self._left[name] = left
            self._due |= dict.fromkeys((name, *self._by[name]))
        return () if left else tuple(needs[0] for needs in self._by[name].values())

    def propagate(self) -> tuple[Requirement, ...]:
        for _ in range(MAX_LOOKS):
            if not self._due:
                break
            name = next(iter(self._due))
            del self._due[name]
            if name in self._left and (found := self._look(name)):
                return found
        return ()

    def _look(self, name: str) -> tuple[Requirement, ...]:
        of = {choice: self._candidates.needs.of(choice) for choice in self._left[name]}
        alive = [choice for choice, needs in of.items() if all(self._could_be(need) for need in needs)]
        if not alive:
            failing = [n for needs in of.values() for n in needs if not self._could_be(n)]
            often = Counter(n.application for n in failing)
            most = min(often, key=lambda application: (-often[application], application))
            return self.restrict([n for n in failing if n.application == most])
        self._left[name] = alive
        shared = set.intersection(*({n.application for n in of[choice]} for choice in alive))
        for target in sorted(shared):
            needs = [n for choice in alive for n in of[choice] if n.application == target]
            if found := self.restrict(needs):
                return found
        return ()

    def _could_be(self, need: Requirement) -> bool:
        left = self._left.get(need.application)
        return left is None or any(_meets(choice, need) for choice in left)


def _meets(choice: Candidate, need: Requirement) -> bool:
    return choice.blueprint == need.blueprint and satisfies(choice.version, need.range)
