"""Whether what is locked is still trusted: trust is continuous (trust.md, law 5), and never touches what runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from reconciler.domain.blocker import Unavailable


MAX_NAMES: Final = 8


@dataclass(frozen=True)
class LockTrust:
    """What the catalog says now of what is locked.

    Attributes:
        answers: by the artifact's reference, of each locked one that could be asked about.
        names: the Applications that are locked to each.
        fault: why not all of it could be told.
    """

    answers: Mapping[str, VerifiedBlueprint | ExcludedVersion] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fault: Unavailable | None = None

    @property
    def untrusted(self) -> tuple[str, ...]:
        """Who lost their trust and why, a few words for each, by the names of the Applications."""
        return self._told(
            one for one in self.answers.items() if isinstance(one[1], ExcludedVersion) and one[1].code == "Untrusted"
        )

    @property
    def unverifiable(self) -> tuple[str, ...]:
        """What is damaged or gone, so that nothing can be checked of it, told in the same way."""
        return self._told(
            one for one in self.answers.items() if isinstance(one[1], ExcludedVersion) and one[1].code != "Untrusted"
        )

    def _told(self, some: Iterable[tuple[str, VerifiedBlueprint | ExcludedVersion]]) -> tuple[str, ...]:
        found = [(self.names.get(artifact, ()), one) for artifact, one in some if isinstance(one, ExcludedVersion)]
        return tuple(f"{_listed(names)}: {one.reason}" for names, one in sorted(found, key=lambda pair: pair[0]))

    def of(self, artifacts: Collection[str]) -> LockTrust:
        """The same, of some artifacts alone."""
        return replace(self, answers={artifact: one for artifact, one in self.answers.items() if artifact in artifacts})

    def needs_new_decision(self, before: LockTrust) -> bool:
        """Whether it asks for another decision than `before`: an answer changed, or something new is lost already."""
        known = before.answers
        return any(
            isinstance(one, ExcludedVersion) if artifact not in known else _said(one) != _said(known[artifact])
            for artifact, one in self.answers.items()
        )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"


def _said(one: VerifiedBlueprint | ExcludedVersion) -> object:
    return one.reason if isinstance(one, ExcludedVersion) else one.evidence
