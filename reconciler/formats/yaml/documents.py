"""Loads and dumps YAML 1.2 documents, with locations, within hard limits.

Text from people and registries becomes plain data only: no tags of its own, no merge keys, no timestamps (a date remains a
string), no duplicate keys. YAML 1.1 and 1.2 parsers read the written documents alike, since Flux uses 1.1.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from reconciler.formats.lru_cache import LruCache
from reconciler.formats.yaml import reader
from reconciler.formats.yaml.limits import YamlLimits
from reconciler.formats.yaml.writer import write
from reconciler.model.problem import Problem
from reconciler.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_PARTS: Final = 50_000  # after aliases are followed: an alias bomb is many parts, however short its text
MAX_OWN_PARTS: Final = 2_000_000  # for documents that the reconciler wrote itself
MAX_DOCUMENTS: Final = 1_000  # in one file
_CACHE_BYTES: Final = 64 << 20  # of `load_cached`: the text and, as measured, 400 bytes for each part
_PART_BYTES: Final = 400

_cache: LruCache[Source] = LruCache(_CACHE_BYTES)


def load(text: bytes, file: str, *, max_bytes: int = MAX_BYTES, max_parts: int = MAX_PARTS) -> Source:
    """Reads a file that must hold exactly one document.

    Args:
        text: the file's content.
        file: its path, as problems name it.
        max_bytes: the limit of the text's length.
        max_parts: the limit of the number of mappings, lists and scalars.

    Returns:
        A Source; when the text is not acceptable its data is None and its problems give the reasons.
    """
    documents = list(islice(_documents(text, file, max_bytes, max_parts), 2))
    if documents and documents[-1].problems:
        return documents[-1]
    if len(documents) != 1:
        defect = "holds more than one document" if documents else "is empty"
        problem = Problem(
            code="NotOneDocument", message=f"the file {defect}; it must hold exactly one", file=file, line=1, column=1
        )
        return Source(file=file, problems=(problem,))
    return documents[0]


def load_cached(text: bytes, file: str) -> Source:
    """Like `load` with the default limits, but cached by text and file.

    For texts without secrets that are read repeatedly. All callers share the Source: none may change its data. Safe for use by
    several threads.
    """
    key = (hashlib.sha256(text).digest(), file)
    source = _cache.get(key)
    if source is None:
        source = load(text, file)
        _cache.put(key, source, len(text) + _PART_BYTES * (1 + len(source.locations)))
    return source


def load_all(text: bytes, file: str, *, max_bytes: int = MAX_BYTES, max_parts: int = MAX_PARTS) -> tuple[Source, ...]:
    """Reads a file of up to MAX_DOCUMENTS documents; a text that is not acceptable gives one Source with its problem."""
    documents = tuple(islice(_documents(text, file, max_bytes, max_parts), MAX_DOCUMENTS + 1))
    if documents and documents[-1].problems:
        return documents[-1:]
    if len(documents) > MAX_DOCUMENTS:
        message = f"the file holds more than {MAX_DOCUMENTS} documents"
        problem = documents[-1].problem("TooManyDocuments", message, hint="split the file")
        return (Source(file=file, problems=(problem,)),)
    return documents


def dump(*documents: Mapping[str, Any]) -> bytes:
    """Writes documents: keys in the order given, two spaces, no aliases; equal data gives equal bytes."""
    texts = [write(document) for document in documents]
    return ("---\n" + "---\n".join(texts) if len(texts) > 1 else "".join(texts)).encode()


def _documents(text: bytes, file: str, max_bytes: int, max_parts: int) -> Iterator[Source]:
    """Returns the documents; what is not acceptable ends them with a Source that has its problem and no data."""
    if len(text) > max_bytes:
        problem = Problem(code="TooLarge", message=f"the file is {len(text)} bytes; at most {max_bytes} are read", file=file)
        return iter((Source(file=file, problems=(problem,)),))
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} is not UTF-8"
        problem = Problem(code="NotUtf8", message=message, file=file, line=line, hint="save the file as UTF-8")
        return iter((Source(file=file, problems=(problem,)),))
    return reader.read_documents(decoded, file, YamlLimits(max_bytes, MAX_DEPTH, max_parts))
