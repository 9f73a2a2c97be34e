"""Loads the TrustPolicies and their trusted roots, from a directory or a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.domain.validation.document_parser import parse_document
from reconciler.model.errors import ConfigurationError
from reconciler.model.trust import TrustPolicy
from reconciler.services.policies.policy_folder import folder_of_commit, folder_on_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.git import Snapshot
    from reconciler.model.problem import Problem
    from reconciler.model.trust import Authority
    from reconciler.services.policies.policy_folder import PolicyFolder

FOLDER: Final = "trust"  # folder in the system repository

MAX_ROOT: Final = 1 << 20  # bytes of a trusted root; Sigstore's own has 7,000


def trust_policies_at(snapshot: Snapshot, last: TrustPolicies | None = None) -> TrustPolicies | ConfigurationError:
    """The trust policies in the folder `trust` of a commit, or the error that makes them unusable.

    A policy that is not in a valid commit is removed, whatever was read last.
    """
    del last
    try:
        return _trust_policies(folder_of_commit(snapshot, roots=True))
    except ConfigurationError as error:
        return error


def read_policies(directory: Path, last: TrustPolicies | None = None) -> TrustPolicies:
    """The policies of a directory: every `*.yaml`, and the trusted roots that they name.

    Args:
        directory: the directory.
        last: the policies as last read: each must still be there, or removed.

    Raises:
        ConfigurationError: a document is not a TrustPolicy, a file holds none, two policies have one name, one authority names
            two signers, a trusted root is missing, a policy of `last` is missing, or a file is not known or cannot be read. A
            broken policy stops new decisions rather than widening them.
    """
    policies = _trust_policies(folder_on_disk(directory, roots=True))
    if last is not None:
        policies.require(policy.metadata.name for policy in last.policies)
    return policies


def _trust_policies(folder: PolicyFolder) -> TrustPolicies:
    """Parses the trust policies of a folder. Raises ConfigurationError as `read_policies` does."""
    policies: list[TrustPolicy] = []
    problems: list[Problem] = [*folder.problems, *folder.empty()]
    for source in folder.sources():
        policy, policy_problems = parse_document(source, TrustPolicy)
        problems.extend(policy_problems)
        if policy is not None:
            policies.append(policy)
            problems.extend(
                source.problem("MissingFile", f"there is no {root} beside the policies", ("spec", "authorities"))
                for root in _roots(policy)
                if not folder.others.get(root, b"").strip()
            )
    problems.extend(folder.listed_as_removed(policy.metadata.name for policy in policies))
    if problems:
        raise ConfigurationError("\n".join(str(p) for p in problems))
    _check_names(policies)
    roots = {root: _text(root, folder.others[root]) for policy in policies for root in _roots(policy)}
    return TrustPolicies(tuple(policies), roots, folder.removals)


def _check_names(policies: list[TrustPolicy]) -> None:
    names = [p.metadata.name for p in policies]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two trust policies {name} exist", "give each its own name")
    authorities: dict[str, Authority] = {}
    for authority in (a for p in policies for a in p.spec.authorities):
        if authorities.setdefault(authority.name, authority) != authority:
            hint = "give each signer its own name"
            raise ConfigurationError(f"the authority {authority.name} names two different signers", hint)


def _roots(policy: TrustPolicy) -> Iterator[str]:
    return (a.keyless.trusted_root for a in policy.spec.authorities if a.keyless is not None)


def _text(name: str, content: bytes) -> str:
    try:
        if len(content) <= MAX_ROOT:
            return content.decode()
    except UnicodeDecodeError:
        pass
    raise ConfigurationError(f"the trusted root {name} is larger than {MAX_ROOT} bytes, or not UTF-8 text")
