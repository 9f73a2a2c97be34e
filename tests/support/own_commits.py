"""Commits of `resolved` as the reconciler makes them, of files that a test chooses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.adapters.git import Repository
from reconciler.formats.yaml.documents import dump
from reconciler.model.layout import LOCK_FILE, RESOLVED
from reconciler.model.trailers import INPUT_COMMIT, LOCK_DIGEST, trailer_lines
from tests.support.git_server import git

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.lock import EnvironmentLock


def push_lock(origin: Path, clone: Path, lock: EnvironmentLock) -> str:
    """Set `resolved` to an own commit of a lock alone, that follows from the head of `main`."""
    return push_resolved(origin, clone, {LOCK_FILE: dump(lock.model_dump(mode="json", by_alias=True)).decode()})


def push_resolved(origin: Path, clone: Path, files: dict[str, str]) -> str:
    """Set `resolved` to an own commit of exactly these files, that follows from the head of `main`."""
    repository = Repository(clone, origin.as_uri())
    main, old = git(origin, "rev-parse", "main"), repository.heads().get(RESOLVED)
    if old is not None:
        repository.fetch({RESOLVED: old})
    digest = hashlib.sha256(files[LOCK_FILE].encode()).hexdigest()
    message = "resolve\n\n" + trailer_lines((INPUT_COMMIT, main), (LOCK_DIGEST, f"sha256:{digest}"))
    content = {path: text.encode() for path, text in files.items()}
    time = int(git(origin, "log", "-1", "--format=%ct", old or main)) + 1
    made = repository.write(content, parent=old, message=message, time=time)
    repository.push(made.id, RESOLVED, expect=old)
    return made.id
