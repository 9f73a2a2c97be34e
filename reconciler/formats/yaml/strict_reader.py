"""Reads all of YAML 1.2 by ruamel.yaml, with locations, within hard limits; slow, about 2 s for a megabyte.

Text becomes plain data only: no tags of its own, no merge keys, no timestamps (a date remains a string), no duplicate keys. The
first construct that exceeds a limit or is not plain data ends the reading, before the rest is processed.
"""

from __future__ import annotations

import io
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from reconciler.formats.yaml.scalars import UnrepresentableNumberError, parse_plain_scalar
from reconciler.model.problem import Problem, Related
from reconciler.model.source import KeyPath, Location, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.formats.yaml.limits import YamlLimits

_TAG: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset({None, "!", _TAG + "str", _TAG + "seq", _TAG + "map"})  # tags without an effect, and that of strings
_RESOLVED: Final = frozenset(
    _TAG + kind for kind in ("null", "bool", "int", "float")
)  # the tags that ruamel resolves for plain scalars

_DIRECTIVE: Final = "directives (%) are not supported: documents are YAML 1.2"
_NO_DIRECTIVE: Final = "remove the line"
# Fragments of ruamel's messages, and the fix.
_SYNTAX_HINTS: Final = {
    "\\t": "YAML is indented with spaces, not tabs",
    "mapping values are not allowed": "quote a value that contains ': ', or correct the indentation",
    "found unexpected end of stream": "close the quotation mark",
    "but got '<stream end>'": "close the bracket",
    "undefined alias": "an alias needs an anchor (&) before it; quote a value that begins with *",
    "expected <block end>": "correct the indentation",
    "could not find expected ':'": "a key is followed by a colon and a space",
}


class _DocumentRejected(Exception):  # noqa: N818 - carries a problem out of the walk
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_strictly(text: str, file: str, limits: YamlLimits) -> Iterator[Source]:
    """Yields the documents of a text without byte order mark, one after the other.

    The first part that is not acceptable ends them with a Source that has its problem and no data.
    """
    try:
        yield from _documents(text, file, limits)
    except _DocumentRejected as rejected:
        yield Source(file=file, problems=(rejected.problem,))


def _documents(text: str, file: str, limits: YamlLimits) -> Iterator[Source]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = partial(_Composer, file, limits)  # type: ignore[assignment]  # ruamel calls it with loader=
    try:
        for node in yaml.compose_all(io.StringIO(text)):
            yield _NodeReader(file, limits).source(node)
    except RecursionError:
        raise _DocumentRejected(_too_deep(file, 1, 1, limits)) from None
    except MarkedYAMLError as error:
        raise _DocumentRejected(_syntax(error, file)) from None
    except (AssertionError, KeyError):  # raised by ruamel for a %YAML directive of an unknown version
        line = text.count("\n", 0, max(0, text.find("%YAML"))) + 1
        problem = Problem(code="NotYaml", message=_DIRECTIVE, file=file, line=line, column=1, hint=_NO_DIRECTIVE)
        raise _DocumentRejected(problem) from None
    except (YAMLError, ValueError) as error:
        message = " ".join(str(error).split())[:200]
        raise _DocumentRejected(Problem(code="NotYaml", message=f"not YAML: {message}", file=file, line=1, column=1)) from None


def _syntax(error: MarkedYAMLError, file: str) -> Problem:
    mark, context_mark = error.problem_mark or error.context_mark, error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message_parts = " ".join(str(part) for part in (error.context, error.problem) if part)
    if isinstance(error, ComposerError):  # its message quotes text that may be an unquoted secret
        message_parts = re.sub(r"'[^']*'|\"[^\"]*\"", "", message_parts).strip()
    hint = next((hint for fragment, hint in _SYNTAX_HINTS.items() if fragment in message_parts), "")
    code = "UnknownAlias" if isinstance(error, ComposerError) else "NotYaml"
    related: tuple[Related, ...] = ()
    if context_mark is not None and (context_mark.line, context_mark.column) != (line - 1, column - 1):
        related = (
            Related(
                message="the surrounding construct begins here",
                file=file,
                line=context_mark.line + 1,
                column=context_mark.column + 1,
            ),
        )
    message = f"not YAML: {message_parts[:200]}"
    return Problem(code=code, message=message, file=file, line=line, column=column, hint=hint, related=related)


def _too_deep(file: str, line: int, column: int, limits: YamlLimits) -> Problem:
    return Problem(code="TooDeep", message=f"nested more than {limits.depth} deep", file=file, line=line, column=column)


def _rejected_at(node: Any, file: str, code: str, message: str, hint: str = "") -> _DocumentRejected:
    mark = node.start_mark
    return _DocumentRejected(
        Problem(code=code, message=message, file=file, line=mark.line + 1, column=mark.column + 1, hint=hint)
    )


class _Composer(Composer):
    """Stops at the first event that exceeds a limit or is not plain data, before the whole text has been composed."""

    def __init__(self, file: str, limits: YamlLimits, loader: Any) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False  # YAML 1.2 allows them
        self._file = file
        self._limits = limits
        self._nodes_left = 2 * limits.parts  # keys are counted here too

    def compose_document(self) -> Any:
        """Rejects a document whose directives request another YAML, where `no` would be a boolean, before it is composed."""
        start = self.parser.peek_event()
        if start.version not in {None, (1, 2)} or start.tags:
            raise _rejected_at(start, self._file, "NotYaml", _DIRECTIVE, _NO_DIRECTIVE)
        try:
            return super().compose_document()
        except (ValueError, OverflowError):  # ruamel does not check whether an escape like \UFFFFFFFF is a character
            line, message = self.loader.reader.line + 1, "not YAML: an escape in this line is not a character"
            raise _DocumentRejected(Problem(code="NotYaml", message=message, file=self._file, line=line, column=1)) from None

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Composes one node, unless it has a tag of its own or exceeds a limit."""
        event = self.parser.peek_event()
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise _rejected_at(event, self._file, "TooManyParts", "the file has too many parts")
        if self.depth > self._limits.depth:
            raise _DocumentRejected(_too_deep(self._file, event.start_mark.line + 1, event.start_mark.column + 1, self._limits))
        if not isinstance(event, AliasEvent) and event.tag not in _TAGS:
            # the tag is not shown: it may be an unquoted secret
            hint = "remove the tag, or quote a value that begins with !"
            raise _rejected_at(event, self._file, "UnknownTag", "a tag (!) is not plain data", hint)
        if isinstance(event, ScalarEvent) and not _is_text(event.value):
            raise _rejected_at(
                event, self._file, "NotUnicode", "half a surrogate pair is not a character", "write the character itself"
            )
        return super().compose_node(parent, index)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _NodeReader:
    """Converts ruamel's nodes to plain data and locations, within the limits."""

    def __init__(self, file: str, limits: YamlLimits) -> None:
        self._file = file
        self._limits = limits
        self._locations: dict[KeyPath, Location] = {}
        self._parts = 0
        self._characters = 0

    def source(self, root: Node | None) -> Source:
        """Converts one document; raises _DocumentRejected at the first construct that is not plain data."""
        if root is None:
            return Source(file=self._file)
        data = self._data(root, (), root)
        return Source(file=self._file, data=data, locations=self._locations)

    def _data(self, node: Node, path: KeyPath, key: Node) -> Any:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise self._rejected("TooManyParts", f"more than {self._limits.parts} parts once aliases are followed", node)
        if len(path) > self._limits.depth:
            mark = node.start_mark
            raise _DocumentRejected(_too_deep(self._file, mark.line + 1, mark.column + 1, self._limits))
        value_node = (
            key if node.start_mark.index == node.end_mark.index else node
        )  # an empty value has no location: that of its key is used
        start, value = key.start_mark, value_node.start_mark
        self._locations[path] = Location(start.line + 1, start.column + 1, value.line + 1, value.column + 1)
        if isinstance(node, ScalarNode):
            self._count(node)
            return self._scalar(node)
        if isinstance(node, SequenceNode):
            return [self._data(item, (*path, index), item) for index, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: Node, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._rejected("NotAString", "a key must be a string", key_node)
            if key_node.tag == _TAG + "merge":
                raise self._rejected("MergeKey", "merge keys (<<) are not YAML 1.2; write the fields out", key_node)
            key = key_node.value
            if key in data:
                first = self._locations[*path, key]
                related = Related(message="it is first defined here", file=self._file, line=first.line, column=first.column)
                rejected = self._rejected(
                    "DuplicateKey", f"the key {key[:60]!r} is defined twice", key_node, "remove one of them"
                )
                raise _DocumentRejected(rejected.problem.model_copy(update={"related": (related,)}))
            self._count(key_node)
            data[key] = self._data(value_node, (*path, key), key_node)
        return data

    def _count(self, node: ScalarNode) -> None:
        self._characters += len(node.value)
        if self._characters > self._limits.characters:
            message = f"more than {self._limits.characters} characters once aliases are followed"
            raise self._rejected("TooLarge", message, node)

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        if str(node.tag) not in _RESOLVED:
            return text
        try:
            return parse_plain_scalar(text)
        except UnrepresentableNumberError as error:
            raise self._rejected("NotANumber", error.message, node, error.hint) from None

    def _rejected(self, code: str, message: str, node: Node, hint: str = "") -> _DocumentRejected:
        return _rejected_at(node, self._file, code, message, hint)
