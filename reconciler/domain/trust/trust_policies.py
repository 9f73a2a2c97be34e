"""Finds the trust policies that apply to an artifact. An artifact without a policy is refused, never skipped."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model.canonical import digest_of
from reconciler.model.errors import ConfigurationError
from reconciler.model.policy_removal import StatedRemovals, how_to_remove
from reconciler.model.trust import Signer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.trust import Authority, TrustPolicy


@dataclass(frozen=True)
class TrustPolicies:
    """All current trust policies.

    Attributes:
        policies: the documents; their names are unique, and an authority's name denotes one signer in all of them.
        roots: the content of the trusted roots that they name, by file name.
        removals: the removals that their source states.
    """

    policies: tuple[TrustPolicy, ...]
    roots: Mapping[str, str] = field(default_factory=dict)
    removals: StatedRemovals = field(default_factory=StatedRemovals)

    def require(self, in_force: Iterable[str]) -> None:
        """Checks that each policy that was in force is still here, or was removed: an artifact must not lose the stricter of two.

        Raises:
            ConfigurationError: one is missing.
        """
        missing = self.removals.missing(in_force, (policy.metadata.name for policy in self.policies))
        if missing:
            names = ", ".join(missing)
            raise ConfigurationError(f"TrustPolicies that were in force are missing: {names}", how_to_remove(missing[0]))

    def in_force(self) -> dict[str, str]:
        """Returns the digest of each policy, by name."""
        return {policy.metadata.name: self.digest_of(policy) for policy in self.policies}

    def matching(self, repository: str) -> tuple[TrustPolicy, ...]:
        """Returns the policies whose patterns match `host/repository`; all of them must be satisfied."""
        return tuple(p for p in self.policies if any(fnmatch.fnmatchcase(repository, a) for a in p.spec.artifacts))

    def named(self, name: str) -> TrustPolicy | None:
        """Returns the policy of that name; None when there is no such policy."""
        return next((p for p in self.policies if p.metadata.name == name), None)

    def signer(self, authority: Authority) -> Signer:
        """Returns the signer of an authority: its key, or the issuer, subject and root of its certificates."""
        if authority.keyless is None:
            return Signer(authority.name, key=authority.key or "")
        keyless = authority.keyless
        return Signer(
            authority.name, issuer=keyless.issuer, subject=keyless.subject, root=self.roots.get(keyless.trusted_root, "")
        )

    def digest_of(self, policy: TrustPolicy) -> str:
        """Returns the digest of one policy over all that decides whom it trusts, including the trusted roots that it names."""
        files = {a.keyless.trusted_root for a in policy.spec.authorities if a.keyless is not None}
        roots = {file: self.roots.get(file, "") for file in files}
        return digest_of({"policy": policy.model_dump(mode="json", by_alias=True), "roots": roots})

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """Public keys (PEM) by authority, of those that have one."""
        return {a.name: a.key for p in self.policies for a in p.spec.authorities if a.key is not None}

    @cached_property
    def digest(self) -> str:
        """One digest over all policies, independent of their order."""
        return digest_of(sorted(self.digest_of(policy) for policy in self.policies))
