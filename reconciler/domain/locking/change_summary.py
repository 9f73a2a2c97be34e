"""Summarizes the changes of a new lock in lines for people and in a commit message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.model.trailers import ADMITTED_BY, INPUT_COMMIT, INPUT_DIGEST, LOCK_DIGEST, REMOVED, trailer_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.lock import EnvironmentLock, Removal


def change_lines(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[str, ...]:
    """Returns one line for each Application that is added, changed or removed, sorted by name."""
    changes = sorted(diff_locks(prior, lock), key=lambda change: change.package.application)
    return tuple(_line(change) for change in changes)


def resolved_commit_message(
    name: str,
    main: str,
    prior: EnvironmentLock | None,
    lock: EnvironmentLock,
    digest: str,
    input_: str,
    admitted_by: Iterable[str] = (),
) -> str:
    """Returns the message of a commit on `resolved`, with its trailers.

    Args:
        name: the Environment's.
        main: the commit of `main` that it was resolved from.
        prior: the last lock.
        lock: the new one.
        digest: the lock file's digest.
        input_: the digest of the documents (`input_digests.input_digest`).
        admitted_by: the changes by which policies admitted it.
    """
    lines = change_lines(prior, lock)
    total = len(lock.packages)
    summary = change_count(len(lines), total) if lines else f"{total} Applications, {_reason_without_changes(prior, lock)}"
    body = "\n".join(lines) + "\n\n" if lines else ""
    admitted = ((ADMITTED_BY, change) for change in admitted_by)
    trailers = trailer_lines((INPUT_COMMIT, main), (INPUT_DIGEST, input_), (LOCK_DIGEST, digest), *admitted)
    return f"{name}: {summary}\n\n{body}{trailers}"


def removed_commit_message(name: str, finished: Sequence[Removal], main: str, digest: str, input_: str) -> str:
    """Returns the message of the commit on `resolved` that ends removals, with its trailers.

    Args:
        name: the Environment's.
        finished: the removals, at least one.
        main: the commit of `main` that the last lock was resolved from.
        digest: the lock file's digest.
        input_: the digest of the documents that it was resolved from.
    """
    names = sorted({removal.application for removal in finished})
    what = f"{names[0]} is" if len(names) == 1 else f"{len(names)} Applications are"
    lines = "".join(f"- {r.application}: {r.blueprint} {r.version} is gone from {', '.join(r.placements)}\n" for r in finished)
    removed = ((REMOVED, application) for application in names)
    trailers = trailer_lines((INPUT_COMMIT, main), (INPUT_DIGEST, input_), (LOCK_DIGEST, digest), *removed)
    return f"{name}: {what} uninstalled\n\n{lines}\n{trailers}"


def change_count(changing: int, total: int) -> str:
    """Returns how many Applications change, of how many there will be; removed ones are not in the total."""
    return f"{changing} of {total} Applications change" if changing <= total else f"{changing} Applications change"


def _reason_without_changes(prior: EnvironmentLock | None, lock: EnvironmentLock) -> str:
    """Returns the reason for a commit that changes no Application."""
    before = {p.application: p.evidence for p in prior.packages} if prior else {}
    if any(before.get(p.application) != p.evidence for p in lock.packages):
        return "signatures re-verified"
    return "rendered again"


def _line(change: ApplicationChange) -> str:
    package = change.package
    if change.after is None:
        return f"- {package.application}: {package.blueprint} {package.version} is uninstalled"
    if change.before is None:
        return f"+ {package.application}: {package.blueprint} {package.version}"
    moved = change.summary if change.before.version != package.version else f"{package.version}, {change.summary}"
    return f"~ {package.application}: {package.blueprint} {moved}"
