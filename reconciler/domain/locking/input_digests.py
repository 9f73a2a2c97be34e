"""Digests of documents, by which a plan is recognised once it is merged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.formats.yaml import documents
from reconciler.model.canonical import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.git import Snapshot


def input_digest(snapshot: Snapshot) -> str:
    """A digest over all that people wrote, by which a plan is known again once it is merged."""
    lines = (f"{hashlib.sha256(text).hexdigest()} {file}\n" for file, text in sorted(snapshot.files.items()))
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def change_digest(before: Snapshot, after: Snapshot) -> str:
    """A digest over what people change between two commits: which documents, from what to what, and nothing of the others.

    Comments, and how a document is written, make no difference.
    """
    lines = (f"{document_digest(name, before)} {new} {name}\n" for name, new in changed_documents(before, after).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:32]


def changed_documents(before: Snapshot, after: Snapshot) -> Mapping[str, str]:
    """The documents that people change between two commits, sorted, each with its new content (as `document_digest` has it)."""
    names = sorted({*before.files, *after.files})
    return {name: document_digest(name, after) for name in names if document_digest(name, before) != document_digest(name, after)}


def document_digest(file: str, snapshot: Snapshot) -> str:
    """A digest over what a document says, whatever its comments and its form; `-` when it is not there."""
    if (text := snapshot.files.get(file)) is None:
        return "-"
    source = documents.load_cached(text, file)
    return hashlib.sha256(text).hexdigest() if source.problems else digest_of(source.data)
