"""Digests of documents, by which a plan is recognized once it is merged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.formats.yaml import documents
from reconciler.model.canonical import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.git import Snapshot


def input_digest(snapshot: Snapshot) -> str:
    """Returns a digest over all documents, by which a plan is recognized once it is merged."""
    lines = (f"{hashlib.sha256(text).hexdigest()} {file}\n" for file, text in sorted(snapshot.files.items()))
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def change_digest(before: Snapshot, after: Snapshot) -> str:
    """Returns a digest over the documents that differ between two commits: their names, old and new content.

    Comments and formatting make no difference.
    """
    lines = (f"{document_digest(name, before)} {new} {name}\n" for name, new in changed_documents(before, after).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32]


def changed_documents(before: Snapshot, after: Snapshot) -> Mapping[str, str]:
    """Returns the names of the documents that differ between two commits, sorted, each with its new `document_digest`."""
    names = sorted({*before.files, *after.files})
    return {name: document_digest(name, after) for name in names if document_digest(name, before) != document_digest(name, after)}


def document_digest(file: str, snapshot: Snapshot) -> str:
    """Returns a digest over a document's data, regardless of comments and formatting; `-` when the file does not exist."""
    if (text := snapshot.files.get(file)) is None:
        return "-"
    source = documents.load_cached(text, file)
    return hashlib.sha256(text).hexdigest() if source.problems else digest_of(source.data)
