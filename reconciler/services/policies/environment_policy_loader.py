"""Loads the EnvironmentPolicies, from a directory or a commit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.domain.admission.environment_policies import EnvironmentPolicies, InvalidPolicy, environment_policies
from reconciler.services.policies.policy_folder import folder_of_commit, folder_on_disk

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.git import Snapshot
    from reconciler.services.policies.policy_folder import PolicyFolder

ENVIRONMENTS: Final = "policies"  # folder in the system repository


def read_environment_policies(directory: Path, last: EnvironmentPolicies | None = None) -> EnvironmentPolicies:
    """The EnvironmentPolicy documents of a directory: every `*.yaml`.

    Args:
        directory: the directory.
        last: the policies as last read: one of them that is not there any more, and not removed, holds its Environments.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    return _environment_policies(folder_on_disk(directory, roots=False), last)


def environment_policies_at(snapshot: Snapshot, last: EnvironmentPolicies | None = None) -> EnvironmentPolicies:
    """The EnvironmentPolicy documents in the folder `policies` of a commit.

    An entry that is not a plain file is an invalid policy, which holds all Environments. While a file is invalid, no policy
    counts as removed.

    Args:
        snapshot: the files of the folder.
        last: the policies as last read.
    """
    return _environment_policies(folder_of_commit(snapshot, roots=False), last)


def _environment_policies(folder: PolicyFolder, last: EnvironmentPolicies | None) -> EnvironmentPolicies:
    policies = environment_policies(folder.sources())
    contradictory = folder.listed_as_removed(policy.metadata.name for policy in policies.policies)
    invalid = (InvalidPolicy((problem,)) for problem in (*folder.problems, *folder.empty(), *contradictory))
    found = replace(policies, broken=(*policies.broken, *invalid), removals=folder.removals)
    return found.after(last) if last is not None else found
