"""Summarizes the changes of a new lock in lines for people and in a commit message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.trailers import INPUT_COMMIT, INPUT_DIGEST, LOCK_DIGEST, trailer_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.lock import EnvironmentLock, Package


def change_lines(prior: EnvironmentLock | None, lock: EnvironmentLock) -> tuple[str, ...]:
    """Returns one line for each Application that is added, changed or removed, sorted by name."""
    before = {p.application: p for p in prior.packages} if prior else {}
    after = {p.application: p for p in lock.packages}
    return tuple(line for name in sorted(before | after) for line in _change(name, before.get(name), after.get(name)))


def resolved_commit_message(
    name: str, main: str, prior: EnvironmentLock | None, lock: EnvironmentLock, digest: str, input_: str
) -> str:
    """Returns the message of a commit on `resolved`, with its trailers.

    Args:
        name: the Environment's.
        main: the commit of `main` that it was resolved from.
        prior: the last lock.
        lock: the new one.
        digest: the lock file's digest.
        input_: the digest of the documents (`input_digests.input_digest`).
    """
    lines = change_lines(prior, lock)
    total = len(lock.packages)
    summary = change_count(len(lines), total) if lines else f"{total} Applications, {_reason_without_changes(prior, lock)}"
    body = "\n".join(lines) + "\n\n" if lines else ""
    trailers = trailer_lines((INPUT_COMMIT, main), (INPUT_DIGEST, input_), (LOCK_DIGEST, digest))
    return f"{name}: {summary}\n\n{body}{trailers}"


def change_count(changing: int, total: int) -> str:
    """Returns how many Applications change, of how many there will be; removed ones are not in the total."""
    return f"{changing} of {total} Applications change" if changing <= total else f"{changing} Applications change"


def _reason_without_changes(prior: EnvironmentLock | None, lock: EnvironmentLock) -> str:
    """Returns the reason for a commit that changes no Application."""
    before = {p.application: p.evidence for p in prior.packages} if prior else {}
    if any(before.get(p.application) != p.evidence for p in lock.packages):
        return "signatures re-verified"
    return "rendered again"


def _change(name: str, old: Package | None, new: Package | None) -> Iterable[str]:
    if new is None and old is not None:
        yield f"- {name}: {old.blueprint} {old.version} is removed"
    elif old is None and new is not None:
        yield f"+ {name}: {new.blueprint} {new.version}"
    elif old is not None and new is not None and old.entry != new.entry:
        moved = f"{old.version} -> {new.version}" if old.version != new.version else f"{new.version}, other values or placement"
        yield f"~ {name}: {new.blueprint} {moved}"
