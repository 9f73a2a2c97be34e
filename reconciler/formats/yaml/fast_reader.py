"""Reads plain YAML fast: in a fifteenth of the time of `strict_reader`.

libyaml (by PyYAML) splits a text into events, in C. It implements YAML 1.1, so it is used only for texts that both versions read
alike, and scalars are resolved here. A text that libyaml refuses, that exceeds a limit, or that has a doubtful construct (a tag,
an anchor, a directive, a tab, an unusual character) is left to ruamel.yaml, which has the last word and reports the problems.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from yaml import YAMLError  # type: ignore[import-untyped]
from yaml.cyaml import CParser  # type: ignore[import-untyped]
from yaml.events import (  # type: ignore[import-untyped]
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.formats.yaml.scalars import UnrepresentableNumberError, parse_plain_scalar
from reconciler.model.source import Location

if TYPE_CHECKING:
    from reconciler.model.source import KeyPath

# Where libyaml and YAML 1.2 differ: white space and line ends that only one of them knows, ...
_UNUSUAL: Final = re.compile(r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# ... directives and the end of a document, ...
_DIRECTIVES: Final = re.compile(r"(?:\A|\n)(?:%|\.\.\.)")
# ... a value directly after a quoted key, and block scalars that begin with a comment or an empty line.
_DOUBTFUL_SCALARS: Final = re.compile(r"""["']:(?![ \n])|[|>][-+0-9]*(?:#|(?: +#.*| *)\n *\n)""")
_DOUBTFUL_KEYS: Final = frozenset({"", "<<"})  # an empty key has no certain location; a merge key is rejected with a problem


class _NeedsStrictReader(Exception):  # noqa: N818 - no error: the other reader decides
    """The text is not plain, or not within the limits."""


def read_fast(text: str, *, max_depth: int, max_parts: int) -> list[tuple[Any, dict[KeyPath, Location]]] | None:
    """Returns the documents of a text, each with the locations of its parts; None when the strict reader must decide.

    Args:
        text: decoded, without a byte order mark, and within the limit of bytes.
        max_depth: the limit of the nesting of parts.
        max_parts: the limit of mappings, lists and scalars of all documents together.
    """
    if _UNUSUAL.search(text) or _DOUBTFUL_SCALARS.search(text) or _DIRECTIVES.search(text):
        return None
    try:
        return _Reading(text, max_depth, max_parts).documents()
    except (YAMLError, _NeedsStrictReader, UnrepresentableNumberError):
        return None


class _Reading:
    def __init__(self, text: str, max_depth: int, max_parts: int) -> None:
        self._next = CParser(text).get_event
        self._max_depth = max_depth
        self._parts_left = max_parts
        self._locations: dict[KeyPath, Location] = {}

    def documents(self) -> list[tuple[Any, dict[KeyPath, Location]]]:
        """Reads to the end; raises YAMLError, _NeedsStrictReader or UnrepresentableNumberError."""
        documents: list[tuple[Any, dict[KeyPath, Location]]] = []
        self._next()  # the start of the stream
        while type(start := self._next()) is not StreamEndEvent:
            if type(start) is DocumentStartEvent:
                self._locations = {}
                documents.append((self._root(self._next()), self._locations))
        return documents

    def _root(self, event: Any) -> Any:
        if type(event) is ScalarEvent and (not event.value or event.style in {"|", ">"}):
            raise _NeedsStrictReader
        return self._part(event, (), event.start_mark)

    def _part(self, event: Any, path: KeyPath, key: Any) -> Any:
        """Returns the data that begins with an event; `key` is the mark of the location for problems with its key."""
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event, path, key)
        if kind is AliasEvent:
            raise _NeedsStrictReader
        self._record(event, path, key, event.start_mark)
        return self._mapping(path) if kind is MappingStartEvent else self._sequence(path)

    def _record(self, event: Any, path: KeyPath, key: Any, value: Any) -> None:
        self._parts_left -= 1
        if self._parts_left < 0 or len(path) > self._max_depth or event.tag is not None or event.anchor is not None:
            raise _NeedsStrictReader
        self._locations[path] = Location(key.line + 1, key.column + 1, value.line + 1, value.column + 1)

    def _scalar(self, event: Any, path: KeyPath, key: Any) -> Any:
        text = event.value
        is_plain = event.implicit[0]
        self._record(event, path, key, event.start_mark if text or not is_plain else key)
        return parse_plain_scalar(text) if is_plain else text

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while type(key := self._next()) is ScalarEvent:
            text = key.value
            if text in data or text in _DOUBTFUL_KEYS or key.tag is not None or key.anchor is not None:
                raise _NeedsStrictReader
            data[text] = self._part(self._next(), (*path, text), key.start_mark)
        if type(key) is not MappingEndEvent:
            raise _NeedsStrictReader  # a key that is not a string
        return data

    def _sequence(self, path: KeyPath) -> list[Any]:
        data: list[Any] = []
        while type(item := self._next()) is not SequenceEndEvent:
            data.append(self._part(item, (*path, len(data)), item.start_mark))
        return data
