"""Plain YAML, read fast: in a fifteenth of the time that `yaml_careful` takes.

libyaml (by PyYAML) splits a text into events, in C. It knows YAML 1.1, so it is asked only about what both versions read alike,
and has no say in what a scalar means. Whatever it refuses, whatever is beyond a limit, and all that is doubtful (a tag, an
anchor, a directive, a tab, an odd character) is left to ruamel.yaml, whose word is final and whose problems people see.
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

# Where libyaml and YAML 1.2 part: white space and line ends that only one of them knows, ...
_ODD: Final = re.compile(r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# ... directives and the end of a document, ...
_LINES: Final = re.compile(r"(?:\A|\n)(?:%|\.\.\.)")
# ... a value right behind a quoted key, and block scalars that begin with a remark or an empty line.
_INSIDE: Final = re.compile(r"""["']:(?![ \n])|[|>][-+0-9]*(?:#|(?: +#.*| *)\n *\n)""")
_DOUBTFUL_KEYS: Final = frozenset({"", "<<"})  # an empty key has no certain place; a merge key is refused, with words


class _NeedsStrictReader(Exception):  # noqa: N818 - no error: the other reader decides
    """The text is not plain, or not within the limits."""


def read_fast(text: str, *, max_depth: int, max_parts: int) -> list[tuple[Any, dict[KeyPath, Location]]] | None:
    """The documents of a text, each with the places of its parts; None when another reader must decide.

    Args:
        text: decoded, without a byte order mark, and no longer than is wanted.
        max_depth: how deep parts may be nested.
        max_parts: how many mappings, lists and scalars all documents together may have.
    """
    if _ODD.search(text) or _INSIDE.search(text) or _LINES.search(text):
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
        self._places: dict[KeyPath, Location] = {}

    def documents(self) -> list[tuple[Any, dict[KeyPath, Location]]]:
        """Read to the end; raises YAMLError, _Doubt or UnrepresentableNumberError."""
        found: list[tuple[Any, dict[KeyPath, Location]]] = []
        self._next()  # the start of the stream
        while type(start := self._next()) is not StreamEndEvent:
            if type(start) is DocumentStartEvent:
                self._places = {}
                found.append((self._root(self._next()), self._places))
        return found

    def _root(self, event: Any) -> Any:
        if type(event) is ScalarEvent and (not event.value or event.style in {"|", ">"}):
            raise _NeedsStrictReader
        return self._part(event, (), event.start_mark)

    def _part(self, event: Any, way: KeyPath, key: Any) -> Any:
        """The data that begins with an event; `key` is the mark that problems with it shall name."""
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event, way, key)
        if kind is AliasEvent:
            raise _NeedsStrictReader
        self._note(event, way, key, event.start_mark)
        return self._mapping(way) if kind is MappingStartEvent else self._sequence(way)

    def _note(self, event: Any, way: KeyPath, key: Any, value: Any) -> None:
        self._parts_left -= 1
        if self._parts_left < 0 or len(way) > self._max_depth or event.tag is not None or event.anchor is not None:
            raise _NeedsStrictReader
        self._places[way] = Location(key.line + 1, key.column + 1, value.line + 1, value.column + 1)

    def _scalar(self, event: Any, way: KeyPath, key: Any) -> Any:
        text = event.value
        is_plain = event.implicit[0]
        self._note(event, way, key, event.start_mark if text or not is_plain else key)
        return parse_plain_scalar(text) if is_plain else text

    def _mapping(self, way: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while type(key := self._next()) is ScalarEvent:
            text = key.value
            if text in data or text in _DOUBTFUL_KEYS or key.tag is not None or key.anchor is not None:
                raise _NeedsStrictReader
            data[text] = self._part(self._next(), (*way, text), key.start_mark)
        if type(key) is not MappingEndEvent:
            raise _NeedsStrictReader  # a key that is no string
        return data

    def _sequence(self, way: KeyPath) -> list[Any]:
        data: list[Any] = []
        while type(item := self._next()) is not SequenceEndEvent:
            data.append(self._part(item, (*way, len(data)), item.start_mark))
        return data
