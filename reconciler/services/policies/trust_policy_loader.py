"""Loads the TrustPolicies and their trusted roots, from a directory or a commit."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import load_all
from reconciler.model.errors import ConfigurationError
from reconciler.model.trust import TrustPolicy
from reconciler.services.policies.policy_sources import POLICY_SUFFIXES, ROOT_SUFFIX, policy_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reconciler.model.git import Snapshot
    from reconciler.model.problem import Problem
    from reconciler.model.trust import Authority

FOLDER: Final = "trust"  # folder in the system repository

MAX_ROOT: Final = 1 << 20  # bytes of a trusted root; Sigstore's own has 7,000


def trust_policies_at(snapshot: Snapshot) -> TrustPolicies | ConfigurationError:
    """The trust policies in the folder `trust` of a commit, or the error that makes them unusable."""
    if snapshot.problems:
        return ConfigurationError("\n".join(str(p) for p in snapshot.problems))
    try:
        files = {PurePosixPath(path): text for path, text in snapshot.files.items()}
        return parse_trust_policies({path.name: text for path, text in files.items() if path.suffix in POLICY_SUFFIXES})
    except ConfigurationError as fault:
        return fault


def read_policies(directory: Path) -> TrustPolicies:
    """The policies of a directory: every `*.yaml`, and the trusted roots that they name.

    Raises:
        ConfigurationError: as `parse_trust_policies`; or a file cannot be read.
    """
    try:
        return parse_trust_policies({file.name: file.read_bytes() for file in policy_files(directory)})
    except OSError as error:
        raise ConfigurationError(f"the trust policies in {directory} cannot be read: {error.strerror}") from None


def parse_trust_policies(files: Mapping[str, bytes]) -> TrustPolicies:
    """Parse trust policies.

    Args:
        files: the texts of policies and trusted roots, by file name.

    Raises:
        ConfigurationError: a document is not a TrustPolicy, two policies have one name, one authority names two
            signers, or a trusted root is missing. A broken policy stops new decisions rather than widening them.
    """
    policies: list[TrustPolicy] = []
    problems: list[Problem] = []
    for name, text in sorted(files.items()):
        if name.endswith(ROOT_SUFFIX):
            continue
        for source in load_all(text, name):
            policy, policy_problems = parse_document(source, TrustPolicy)
            problems.extend(policy_problems)
            if policy is not None:
                policies.append(policy)
                problems.extend(
                    source.problem("MissingFile", f"there is no {root} beside the policies", ("spec", "authorities"))
                    for root in _roots(policy)
                    if root not in files
                )
    if problems:
        raise ConfigurationError("\n".join(str(p) for p in problems))
    _check_names(policies)
    return TrustPolicies(tuple(policies), {root: _text(root, files[root]) for policy in policies for root in _roots(policy)})


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
