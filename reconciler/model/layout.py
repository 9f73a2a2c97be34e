"""Names of the branches, refs, files and folders of an Environment's repository."""

from __future__ import annotations

import re
from typing import Final

MAIN: Final = "main"
"""The branch of the documents that people write."""
MAIN_REF: Final = "refs/heads/main"
RESOLVED: Final = "resolved"
"""The branch of the lock and of the objects that Flux applies."""
STATUS: Final = "status"
CONFIRMED: Final = "refs/catalyst/confirmed"
"""The ref whose commit time says how long the status has been current. It is moved by force and has no history, so it is no
branch."""
PLAN: Final = "plan/pr-"
"""The beginning of the branch with the plan of a pull request; its number follows."""

ENVIRONMENT_FILE: Final = "environment.yaml"
APPLICATIONS_FOLDER: Final = "applications"
LOCK_FILE: Final = "environment.lock.yaml"
CLUSTERS_FOLDER: Final = "clusters"
REMOVALS: Final = "removing"
"""The folder of a cluster with the Namespaces of what is being uninstalled."""
STATUS_FILE: Final = "status.yaml"
PAGE_FILE: Final = "README.md"

WANTED: Final = (ENVIRONMENT_FILE, f"{APPLICATIONS_FOLDER}/*.yaml")
"""The files of `main` that are read; everything else in the repository is ignored."""


def application_file(name: str) -> str:
    """Returns the file that declares an Application."""
    return f"{APPLICATIONS_FOLDER}/{name}.yaml"


def release_file(cluster: str, application: str) -> str:
    """Returns the file of `resolved` with an Application's objects on a cluster."""
    return f"{CLUSTERS_FOLDER}/{cluster}/{application}.yaml"


def removal_file(cluster: str, application: str) -> str:
    """Returns the file of `resolved` with the Namespaces that an Application keeps on a cluster while it is uninstalled there."""
    return f"{CLUSTERS_FOLDER}/{cluster}/{REMOVALS}/{application}.yaml"


def kustomization_file(cluster: str) -> str:
    """Returns the file of `resolved` that lists a cluster's other files for Flux."""
    return f"{CLUSTERS_FOLDER}/{cluster}/kustomization.yaml"


def number_of(name: str) -> int | None:
    """Returns the number of a pull request that is named as `pull/<n>`; None for a branch."""
    match = re.fullmatch(r"pull/(\d+)", name)
    return int(match[1]) if match else None


def ref_of(name: str) -> str:
    """Returns a branch as it is, `pull/<n>` as the ref under which the forge has the head of the pull request."""
    return name if number_of(name) is None else f"refs/{name}/head"
