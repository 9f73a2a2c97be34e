"""Reads YAML as people write it, with locations, within hard limits.

libyaml (by PyYAML) splits a text into events, in C. go-yaml, by which Flux and Helm read, was ported from it, so that no text is
read here that they refuse or split otherwise. Scalars are resolved by YAML 1.2 (`scalars`), whatever libyaml thinks of them.

Text becomes plain data only: no tags of its own, no merge keys, no timestamps (a date remains a string), no duplicate keys. The
first construct that exceeds a limit or is not plain data ends the reading, before the rest is processed.
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

from reconciler.formats.yaml.helm_values import resolve_as_helm
from reconciler.formats.yaml.scalars import UnrepresentableNumberError, parse_plain_scalar
from reconciler.formats.yaml.syntax_problems import UNREADABLE, problem_at, syntax_problem, unreadable_problem
from reconciler.model.problem import Related
from reconciler.model.source import Location, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.formats.yaml.limits import YamlLimits
    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath

_TAG: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset({None, "!", _TAG + "str", _TAG + "seq", _TAG + "map"})
_EXACT: Final = 2**53
_ESCAPED_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\/")


class _DocumentRejected(Exception):  # noqa: N818 - carries a problem out of the walk
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_documents(text: str, file: str, limits: YamlLimits) -> Iterator[Source]:
    """Yields the documents of a text without byte order mark, one after the other.

    The first part that is not acceptable ends them with a Source that has its problem and no data.
    """
    if (character := UNREADABLE.search(text)) is not None:
        yield Source(file=file, problems=(unreadable_problem(text, character.start(), file),))
        return
    try:
        yield from _Reading(text, file, limits).documents()
    except _DocumentRejected as rejected:
        yield Source(file=file, problems=(rejected.problem,))
    except YAMLError as error:
        yield Source(file=file, problems=(syntax_problem(error, text, file),))


class _Reading:
    def __init__(self, text: str, file: str, limits: YamlLimits) -> None:
        self._text = text
        self._file = file
        self._limits = limits
        self._parse = CParser(text).get_event
        self._next = self._parse
        self._anchors: dict[str, list[Any] | None] = {}  # the events of each; None while it is read
        self._recordings: list[list[Any]] = []  # of the anchors that are being read
        self._replays = 0
        self._reset()

    def documents(self) -> Iterator[Source]:
        """Yields the documents; raises YAMLError or _DocumentRejected."""
        self._next()  # the start of the stream
        while type(start := self._next()) is not StreamEndEvent:
            if type(start) is not DocumentStartEvent:
                continue
            if start.version not in {None, (1, 2)} or start.tags:
                hint = "remove the line"
                raise self._rejected(start, "NotYaml", "directives (%) are not supported: documents are YAML 1.2", hint)
            self._reset()
            event = self._next()
            data = self._part(event, (), event.start_mark)
            yield Source(file=self._file, data=data, locations=self._locations, ambiguous=tuple(self._ambiguous))

    def _reset(self) -> None:
        self._anchors.clear()
        self._locations: dict[KeyPath, Location] = {}
        self._ambiguous: list[KeyPath] = []
        self._parts_left = self._limits.parts
        self._characters_left = self._limits.characters

    def _part(self, event: Any, path: KeyPath, key: Any) -> Any:
        """Returns the data that begins with an event; `key` is the mark of the location for problems with its key."""
        if type(event) is AliasEvent:
            return self._alias(event, path, key)
        if event.anchor is None or self._replays:
            return self._content(event, path, key)
        self._recordings.append([event])
        self._anchors[event.anchor] = None
        self._next = self._recorded
        data = self._content(event, path, key)
        self._anchors[event.anchor] = self._recordings.pop()
        if not self._recordings:
            self._next = self._parse
        return data

    def _content(self, event: Any, path: KeyPath, key: Any) -> Any:
        kind = type(event)
        is_scalar = kind is ScalarEvent
        is_empty = is_scalar and not event.value and event.implicit[0]  # an empty value has no location: that of its key is used
        value = key if is_empty else event.start_mark
        self._parts_left -= 1
        if self._parts_left < 0:
            raise self._rejected(event, "TooManyParts", f"more than {self._limits.parts} parts once aliases are followed")
        if len(path) > self._limits.depth:
            raise self._rejected(event, "TooDeep", f"nested more than {self._limits.depth} deep")
        if event.tag not in _TAGS:
            raise self._tagged(event)
        if is_scalar:
            self._refuse_other_readings(event)
        self._locations[path] = Location(key.line + 1, key.column + 1, value.line + 1, value.column + 1)
        if is_scalar:
            return self._scalar(event, path)
        return self._mapping(path) if kind is MappingStartEvent else self._sequence(path)

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        text = event.value
        if self._replays:
            self._count(event)
        if not event.implicit[0] or event.tag is not None:
            return text
        try:
            value = parse_plain_scalar(text)
        except UnrepresentableNumberError as error:
            raise self._rejected(event, "NotANumber", error.message, error.hint) from None
        other = resolve_as_helm(text)
        if other != value and not (isinstance(value, int) and abs(value) >= _EXACT):
            self._ambiguous.append(path)
        return value

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event)
            text = key.value
            if text in data:
                raise self._duplicate(event, (*path, text))
            data[text] = self._part(self._next(), (*path, text), event.start_mark)
        return data

    def _key(self, event: Any) -> Any:
        """Returns the scalar that is the key which begins with an event."""
        key = event
        if type(event) is AliasEvent:
            events = self._aliased(event)
            self._replace_alias(events)
            key = events[0]
        if type(key) is not ScalarEvent:
            raise self._rejected(event, "NotAString", "a key must be a string")
        if key.tag not in _TAGS:
            raise self._tagged(key)
        self._refuse_other_readings(key)
        if key.value == "<<" and key.implicit[0] and key.tag is None:
            raise self._rejected(event, "MergeKey", "merge keys (<<) are not YAML 1.2; write the fields out")
        self._refuse_question_mark(event)
        if event.anchor is not None and key is event and not self._replays:
            self._anchors[event.anchor] = [event]
        if self._replays:
            self._count(key)
        return key

    def _sequence(self, path: KeyPath) -> list[Any]:
        data: list[Any] = []
        while type(item := self._next()) is not SequenceEndEvent:
            data.append(self._part(item, (*path, len(data)), item.start_mark))
        return data

    def _alias(self, event: Any, path: KeyPath, key: Any) -> Any:
        events = self._aliased(event)
        before, self._next = self._next, iter(events).__next__
        self._replays += 1
        data = self._content(self._next(), path, key)
        self._replays -= 1
        self._next = before
        self._replace_alias(events)
        return data

    def _aliased(self, event: Any) -> list[Any]:
        if event.anchor not in self._anchors:
            hint = "an alias needs an anchor (&) before it; quote a value that begins with *"
            raise self._rejected(event, "UnknownAlias", "not YAML: found undefined alias", hint)
        events = self._anchors[event.anchor]
        if events is None:
            raise self._rejected(event, "TooDeep", "an alias inside of what it stands for has no end")
        return events

    def _recorded(self) -> Any:
        event = self._parse()
        for recording in self._recordings:
            recording.append(event)
        return event

    def _replace_alias(self, events: list[Any]) -> None:
        """Records what an alias stands for in its place, since its anchor may be used anew later."""
        for recording in self._recordings:
            recording[-1:] = events

    def _count(self, event: Any) -> None:
        self._characters_left -= len(event.value)
        if self._characters_left < 0:
            message = f"more than {self._limits.characters} characters once aliases are followed"
            raise self._rejected(event, "TooLarge", message)

    def _refuse_question_mark(self, event: Any) -> None:
        """Refuses `{?a: 1}`, of which libyaml and go-yaml drop the question mark."""
        index = event.start_mark.index
        if index and self._text[index - 1] == "?":
            hint = "quote what begins with a question mark"
            raise self._rejected(event, "NotYaml", "a question mark before text is read in more than one way", hint)

    def _refuse_other_readings(self, event: Any) -> None:
        r"""Refuses what go-yaml, by which Helm reads, refuses or reads as something else: `"\/"`, and `[!!str, a]`.

        To go-yaml the comma is part of the tag, so that its list has one entry less.
        """
        end = event.end_mark.index
        if event.style == '"':
            if "/" in event.value and _ESCAPED_SLASH.search(self._text, event.start_mark.index, end):
                raise self._rejected(event, "NotYaml", "Flux and Helm know no escaped slash", "write / without a backslash")
        elif not event.style and event.tag is not None and not event.value and self._text[end : end + 1] == ",":
            hint = 'write the empty text as ""'
            raise self._rejected(event, "NotYaml", "a comma after a tag is read in more than one way", hint)

    def _duplicate(self, event: Any, path: KeyPath) -> _DocumentRejected:
        first = self._locations[path]
        related = Related(message="it is first defined here", file=self._file, line=first.line, column=first.column)
        message = f"the key {str(path[-1])[:60]!r} is defined twice"
        problem = problem_at(event.start_mark, self._file, "DuplicateKey", message, "remove one of them")
        return _DocumentRejected(problem.model_copy(update={"related": (related,)}))

    def _tagged(self, event: Any) -> _DocumentRejected:
        # the tag is not shown: it may be an unquoted secret
        hint = "remove the tag, or quote a value that begins with !"
        return self._rejected(event, "UnknownTag", "a tag (!) is not plain data", hint)

    def _rejected(self, event: Any, code: str, message: str, hint: str = "") -> _DocumentRejected:
        return _DocumentRejected(problem_at(event.start_mark, self._file, code, message, hint))
