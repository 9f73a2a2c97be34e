"""Which trust policies speak for an artifact. No policy means nobody vouches for it, which is a refusal and never "skipped"."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model.canonical import digest_of
from reconciler.model.trust import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.trust import Authority, TrustPolicy


@dataclass(frozen=True)
class TrustPolicies:
    """All trust policies as they stand.

    Attributes:
        policies: the documents; names are unique among them, and an authority's name stands for one signer.
        roots: the content of the trusted roots that they name, by file name.
    """

    policies: tuple[TrustPolicy, ...]
    roots: Mapping[str, str] = field(default_factory=dict)

    def matching(self, repository: str) -> tuple[TrustPolicy, ...]:
        """The policies whose patterns match `host/repository`; all of them must hold."""
        return tuple(p for p in self.policies if any(fnmatch.fnmatchcase(repository, a) for a in p.spec.artifacts))

    def named(self, name: str) -> TrustPolicy | None:
        """The policy of that name."""
        return next((p for p in self.policies if p.metadata.name == name), None)

    def signer(self, authority: Authority) -> Signer:
        """By what an authority's signatures are known."""
        if authority.keyless is None:
            return Signer(authority.name, key=authority.key or "")
        who = authority.keyless
        return Signer(authority.name, issuer=who.issuer, subject=who.subject, root=self.roots.get(who.trusted_root, ""))

    def digest_of(self, policy: TrustPolicy) -> str:
        """The digest of one policy: over all that decides whom it trusts, so over the trusted roots that it names too."""
        files = {a.keyless.trusted_root for a in policy.spec.authorities if a.keyless is not None}
        roots = {file: self.roots.get(file, "") for file in files}
        return digest_of({"policy": policy.model_dump(mode="json", by_alias=True), "roots": roots})

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """Public keys (PEM) by authority, of those who have one."""
        return {a.name: a.key for p in self.policies for a in p.spec.authorities if a.key is not None}

    @cached_property
    def digest(self) -> str:
        """One digest over all of them, whatever their order."""
        return digest_of(sorted(self.digest_of(policy) for policy in self.policies))
