"""Names of the branches, refs, files and folders of an Environment's repository."""

from __future__ import annotations

import re
from typing import Final

LOCK_FILE = "environment.lock.yaml"

CLUSTERS_FOLDER = "clusters"

ENVIRONMENT_FILE: Final = "environment.yaml"

APPLICATIONS_FOLDER: Final = "applications"

MAIN: Final = "main"

RESOLVED: Final = "resolved"

STATUS: Final = "status"

# Not a branch: it is moved by force now and then, so that a reader sees that somebody still looks, and leaves no history.
CONFIRMED: Final = "refs/catalyst/confirmed"

STATUS_FILE: Final = "status.yaml"

PAGE_FILE: Final = "README.md"

PLAN: Final = "plan/pr-"

# What is read of a commit: nothing else in the repository is ours to look at.
WANTED = (ENVIRONMENT_FILE, f"{APPLICATIONS_FOLDER}/*.yaml")


def number_of(name: str) -> int | None:
    """The number of a pull request that is named as `pull/<n>`; None for a branch."""
    found = re.fullmatch(r"pull/(\d+)", name)
    return int(found[1]) if found else None


def ref_of(name: str) -> str:
    """A branch as it is, `pull/<n>` as the ref under which the forge keeps the head of a pull request."""
    return name if number_of(name) is None else f"refs/{name}/head"
