"""The plan of a pull request as the commit on its branch holds it: what is in the message, and what it means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.domain.resolution.preferences import ReviewedPackage
from reconciler.model.lock import packages_of
from reconciler.model.trailers import INPUT_DIGEST, trailers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.git import Commit
    from reconciler.model.lock import EnvironmentLock

_CHANGES: Final = "Changes: "  # the new content of a document, as a digest, and its name as JSON: whatever that holds is one line

_BRINGS: Final = "Brings: "  # an Application, and the digest of the artifact that it has until then, if it has one


@dataclass(frozen=True)
class PlanCommit:
    """The plan of a pull request.

    Attributes:
        tree: its tree id.
        lock: what it locks.
        input: the digest of what people wrote, of which it was made.
        changes: what the pull request changes of that (`desire.changed_documents`).
        reviewed: what it brings.
        base: the head of `resolved` that it was made upon; None when there was none.
    """

    tree: str
    lock: EnvironmentLock
    input: str
    changes: Mapping[str, str]
    reviewed: tuple[ReviewedPackage, ...]
    base: str | None


def encode(planned: PlanCommit, summary: str) -> str:
    """The message of a plan's commit, by which `decode` knows it again."""
    changes = (f"{_CHANGES}{content} {json.dumps(name)}" for name, content in planned.changes.items())
    brings = (f"{_BRINGS}{one.package.application} {one.before or ''}".rstrip() for one in planned.reviewed)
    return "\n".join((summary, "", f"{INPUT_DIGEST}{planned.input}", *changes, *brings, ""))


def decode(commit: Commit, lock: EnvironmentLock) -> PlanCommit | None:
    """The plan that a commit holds with a lock; None when its message makes no sense."""
    packages = packages_of(lock)
    brings = {name: old or None for name, _, old in (line.partition(" ") for line in trailers(commit, _BRINGS))}
    brought = tuple(ReviewedPackage(packages[name], old) for name, old in brings.items() if name in packages)
    lines = (line.partition(" ") for line in trailers(commit, _CHANGES))
    try:
        changes = {str(json.loads(name)): content for content, _, name in lines}
    except (ValueError, RecursionError):  # somebody else's: plans are protected only where `reconciler init` was run
        return None
    input_, upon = next(iter(trailers(commit, INPUT_DIGEST)), ""), next(iter(commit.parents), None)
    return PlanCommit(commit.tree, lock, input_, changes, brought, upon)
