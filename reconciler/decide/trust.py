"""Which trust policies speak for an artifact. No policy means nobody vouches for it, which is a refusal and never "skipped"."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.canonical import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.trust import TrustPolicy


@dataclass(frozen=True)
class Policies:
    """All trust policies as they stand."""

    policies: tuple[TrustPolicy, ...]

    def covering(self, repository: str) -> tuple[TrustPolicy, ...]:
        """The policies whose patterns match `host/repository`; all of them must hold."""
        return tuple(p for p in self.policies if any(fnmatch.fnmatchcase(repository, a) for a in p.spec.artifacts))

    @property
    def keys(self) -> Mapping[str, str]:
        """Public keys (PEM) by authority."""
        return {a.name: a.key for p in self.policies for a in p.spec.authorities}

    @property
    def digest(self) -> str:
        """One digest over all of them."""
        return policy_digest(self.policies)


def policy_digest(policies: Iterable[TrustPolicy]) -> str:
    """One digest over some policies, whatever their order."""
    return digest_of(sorted((p.model_dump(mode="json", by_alias=True) for p in policies), key=digest_of))
