"""Loads the EnvironmentPolicies, from a directory or a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.admission.environment_policies import EnvironmentPolicies, InvalidPolicy, environment_policies
from reconciler.formats.yaml.documents import load_all
from reconciler.model.errors import ConfigurationError
from reconciler.services.policies.policy_sources import policy_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.git import Snapshot

ENVIRONMENTS: Final = "policies"  # folder in the system repository


def read_environment_policies(directory: Path) -> EnvironmentPolicies:
    """The EnvironmentPolicy documents of a directory: every `*.yaml`.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    try:
        files = {file.name: file.read_bytes() for file in policy_files(directory)}
    except OSError as error:
        raise ConfigurationError(f"the policies in {directory} cannot be read: {error.strerror}") from None
    return _environment_policies(files)


def environment_policies_at(snapshot: Snapshot) -> EnvironmentPolicies:
    """The EnvironmentPolicy documents in the folder `policies` of a commit.

    An entry that is not a plain file is an invalid policy, which holds all Environments.
    """
    policies = _environment_policies(snapshot.files)
    invalid = (InvalidPolicy((problem,)) for problem in snapshot.problems)
    return EnvironmentPolicies(policies.policies, (*policies.broken, *invalid))


def _environment_policies(files: Mapping[str, bytes]) -> EnvironmentPolicies:
    texts = ((name, text) for name, text in sorted(files.items()) if name.endswith((".yaml", ".yml")))
    return environment_policies(source for name, text in texts for source in load_all(text, name))
