"""Reports which locked packages are no longer trusted.

Trust is verified continually, and losing it never touches what runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.text.listing import join_first

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from reconciler.domain.blocker import Unavailable

MAX_NAMES: Final = 8


@dataclass(frozen=True)
class LockTrust:
    """The catalog's current results for the locked artifacts.

    Attributes:
        answers: by the artifact's reference, of each locked artifact for which there is a result.
        names: the Applications locked to each artifact.
        fault: why results are missing; None when there is one for each.
    """

    answers: Mapping[str, VerifiedBlueprint | ExcludedVersion] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fault: Unavailable | None = None

    @property
    def untrusted(self) -> tuple[str, ...]:
        """The Applications that lost their trust, each group with its reason, in the order of their names."""
        return self._reasons(lambda excluded: excluded.code == "Untrusted")

    @property
    def unverifiable(self) -> tuple[str, ...]:
        """The Applications whose artifact is damaged or missing, so that it cannot be verified, in the same form."""
        return self._reasons(lambda excluded: excluded.code != "Untrusted")

    def _reasons(self, applies: Callable[[ExcludedVersion], bool]) -> tuple[str, ...]:
        excluded = [
            (self.names.get(artifact, ()), answer)
            for artifact, answer in self.answers.items()
            if isinstance(answer, ExcludedVersion) and applies(answer)
        ]
        return tuple(f"{_listed(names)}: {answer.reason}" for names, answer in sorted(excluded, key=lambda pair: pair[0]))

    def of(self, artifacts: Collection[str]) -> LockTrust:
        """Returns the results of some artifacts alone."""
        return replace(self, answers={artifact: answer for artifact, answer in self.answers.items() if artifact in artifacts})

    def needs_new_decision(self, before: LockTrust) -> bool:
        """Whether the results require another decision than `before`: one changed, or a newly locked artifact is not trusted."""
        previous = before.answers
        return any(
            isinstance(answer, ExcludedVersion) if artifact not in previous else _basis(answer) != _basis(previous[artifact])
            for artifact, answer in self.answers.items()
        )


def _listed(names: tuple[str, ...]) -> str:
    return join_first(names, MAX_NAMES)


def _basis(answer: VerifiedBlueprint | ExcludedVersion) -> object:
    return answer.reason if isinstance(answer, ExcludedVersion) else answer.evidence
