"""The plan of a pull request as a commit on its plan branch: writes the message's trailers, and reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.domain.resolution.preferences import ReviewedPackage
from reconciler.model.lock import packages_of
from reconciler.model.trailers import BRINGS, CHANGES, INPUT_DIGEST, trailer_lines, trailer_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.git import Commit
    from reconciler.model.lock import EnvironmentLock


@dataclass(frozen=True)
class PlanCommit:
    """The plan of a pull request.

    Attributes:
        tree: its tree id.
        lock: its lock.
        input: the digest of the documents that it was made of.
        changes: the documents that the pull request changes (`domain.locking.input_digests.changed_documents`).
        reviewed: the packages that it changes.
        base: the head of `resolved` that it was made on; None when there was none.
    """

    tree: str
    lock: EnvironmentLock
    input: str
    changes: Mapping[str, str]
    reviewed: tuple[ReviewedPackage, ...]
    base: str | None


def encode(plan: PlanCommit, summary: str) -> str:
    """The message of a plan's commit, which `decode` reads."""
    changes = ((CHANGES, f"{content} {json.dumps(name)}") for name, content in plan.changes.items())
    packages = ((BRINGS, f"{reviewed.package.application} {reviewed.before or ''}") for reviewed in plan.reviewed)
    return f"{summary}\n\n{trailer_lines((INPUT_DIGEST, plan.input), *changes, *packages)}"


def decode(commit: Commit, lock: EnvironmentLock) -> PlanCommit | None:
    """The plan of a commit with a lock; None when its message cannot be read."""
    packages = packages_of(lock)
    previous = {name: digest or None for name, _, digest in (line.partition(" ") for line in trailer_values(commit, BRINGS))}
    reviewed = tuple(ReviewedPackage(packages[name], digest) for name, digest in previous.items() if name in packages)
    lines = (line.partition(" ") for line in trailer_values(commit, CHANGES))
    try:
        changes = {str(json.loads(name)): content for content, _, name in lines}
    except (ValueError, RecursionError):  # pushed by somebody else: plan branches are protected only after `reconciler init`
        return None
    input_, base = next(iter(trailer_values(commit, INPUT_DIGEST)), ""), next(iter(commit.parents), None)
    return PlanCommit(commit.tree, lock, input_, changes, reviewed, base)
