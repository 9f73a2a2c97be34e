"""YAML in and out, by ruamel.yaml: YAML 1.2, with places, within hard limits.

Text from people and registries is read to plain data only: no tags of its own, no merge keys, no timestamps (a date
stays the string it is), no duplicate keys. What is written is read alike by YAML 1.1 and 1.2 parsers, since Flux's is the former.
"""

from __future__ import annotations

import io
import math
import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from reconciler.model.problem import Problem
from reconciler.model.source import Place, Source, Way
from reconciler.world.yaml_writer import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_PARTS: Final = 50_000  # after aliases are followed: an alias bomb is many parts, however short its text
MAX_OWN_PARTS: Final = 2_000_000  # for documents that the reconciler wrote itself

_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset({None, "!", _TAG + "str", _TAG + "seq", _TAG + "map"})  # those that change nothing or say "a string"
# Numbers as YAML 1.2's core schema has them; what other schemas take for one (1_000, 0b1, 1:20) stays a string.
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?")  # `1e3` and the commit 12e4567 stay strings
_NOT_FINITE = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_MAX_DIGITS = 66  # of 64 bits, however they are written


class _Refused(Exception):  # noqa: N818 - carries a problem out of the walk
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def load(text: bytes, file: str, *, max_bytes: int = MAX_BYTES, max_parts: int = MAX_PARTS) -> Source:
    """Read a file that must hold exactly one document.

    Args:
        text: the file's content.
        file: its path, as problems shall name it.
        max_bytes: how long the text may be.
        max_parts: of how many mappings, lists and scalars it may consist.

    Returns:
        A Source; when the text is not acceptable its data is None and its problems say why.
    """
    try:
        documents = list(islice(_documents(text, file, max_bytes, max_parts), 2))
    except _Refused as refused:
        return Source(file=file, problems=(refused.problem,))
    if len(documents) != 1:
        what = "holds more than one document" if documents else "is empty"
        problem = Problem(
            code="NotOneDocument", message=f"the file {what}; it must hold exactly one", file=file, line=1, column=1
        )
        return Source(file=file, problems=(problem,))
    return documents[0]


def load_all(text: bytes, file: str) -> tuple[Source, ...]:
    """Read a file of any number of documents; a text that is not acceptable gives one Source with its problem."""
    try:
        return tuple(_documents(text, file, MAX_BYTES, MAX_PARTS))
    except _Refused as refused:
        return (Source(file=file, problems=(refused.problem,)),)


def dump(*documents: Mapping[str, Any]) -> bytes:
    """Write documents: keys in the order given, two spaces, no aliases; equal data gives equal bytes."""
    texts = [write(document) for document in documents]
    return ("---\n" + "---\n".join(texts) if len(texts) > 1 else "".join(texts)).encode()


def _documents(text: bytes, file: str, max_bytes: int, max_parts: int) -> Iterator[Source]:
    if len(text) > max_bytes:
        raise _Refused(
            Problem(code="TooLarge", message=f"the file is {len(text)} bytes; at most {max_bytes} are read", file=file)
        )
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} is not UTF-8"
        raise _Refused(Problem(code="NotUtf8", message=message, file=file, line=line, hint="save the file as UTF-8")) from None
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = partial(_Composer, file, 2 * max_parts)  # type: ignore[assignment]  # ruamel calls it with loader=
    try:
        for node in yaml.compose_all(io.StringIO(decoded)):
            yield _Walk(file, max_bytes, max_parts).source(node)
    except RecursionError:
        raise _Refused(_too_deep(file, 1, 1)) from None
    except MarkedYAMLError as error:
        raise _Refused(_syntax(error, file)) from None
    except (YAMLError, ValueError) as error:
        message = " ".join(str(error).split())[:200]
        raise _Refused(Problem(code="NotYaml", message=f"not YAML: {message}", file=file, line=1, column=1)) from None


def _syntax(error: MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    words = " ".join(str(part) for part in (error.context, error.problem) if part)
    hint = "YAML is indented with spaces, not tabs" if "\\t" in words else ""
    code = "UnknownAlias" if isinstance(error, ComposerError) else "NotYaml"
    return Problem(code=code, message=f"not YAML: {words[:200]}", file=file, line=line, column=column, hint=hint)


def _too_deep(file: str, line: int, column: int) -> Problem:
    return Problem(code="TooDeep", message=f"nested more than {MAX_DEPTH} deep", file=file, line=line, column=column)


def _at(node: Any, file: str, code: str, message: str, hint: str = "") -> _Refused:
    mark = node.start_mark
    return _Refused(Problem(code=code, message=message, file=file, line=mark.line + 1, column=mark.column + 1, hint=hint))


class _Composer(Composer):
    """Stops at the first sign of a text that is too much or not plain data, before all of it has been composed."""

    def __init__(self, file: str, max_nodes: int, loader: Any) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False  # YAML 1.2 allows them
        self._file = file
        self._nodes_left = max_nodes

    def compose_document(self) -> Any:
        """Refuse a document that asks for another YAML, where `no` would be a boolean, before it is read."""
        start = self.parser.peek_event()
        if start.version not in {None, (1, 2)} or start.tags:
            raise _at(start, self._file, "NotYaml", "directives (%) are not supported: documents are YAML 1.2", "remove the line")
        try:
            return super().compose_document()
        except (ValueError, OverflowError):  # ruamel does not look whether an escape like \UFFFFFFFF is a character
            line, message = self.loader.reader.line + 1, "not YAML: an escape in this line is no character"
            raise _Refused(Problem(code="NotYaml", message=message, file=self._file, line=line, column=1)) from None

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose one node, unless it has a tag of its own or goes beyond a limit."""
        event = self.parser.peek_event()
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise _at(event, self._file, "TooManyParts", "the file has too many parts")
        if self.depth > MAX_DEPTH:
            raise _Refused(_too_deep(self._file, event.start_mark.line + 1, event.start_mark.column + 1))
        if not isinstance(event, AliasEvent) and event.tag not in _TAGS:
            raise _at(event, self._file, "UnknownTag", f"the tag {event.tag[:60]} is not plain data", "remove the tag")
        if isinstance(event, ScalarEvent) and not _is_text(event.value):
            raise _at(event, self._file, "NotUnicode", "half a surrogate pair is not a character", "write the character itself")
        return super().compose_node(parent, index)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Walk:
    """Turns ruamel's nodes into plain data and places, within the limits."""

    def __init__(self, file: str, max_bytes: int, max_parts: int) -> None:
        self._file = file
        self._places: dict[Way, Place] = {}
        self._parts = 0
        self._characters = 0
        self._max_bytes = max_bytes
        self._max_parts = max_parts

    def source(self, root: Node | None) -> Source:
        """Walk one document; raises _Refused at the first thing that is not plain data."""
        if root is None:
            return Source(file=self._file)
        data = self._data(root, (), root)
        return Source(file=self._file, data=data, places=self._places)

    def _data(self, node: Node, way: Way, key: Node) -> Any:
        self._parts += 1
        if self._parts > self._max_parts:
            raise self._refuse("TooManyParts", f"more than {self._max_parts} parts once aliases are followed", node)
        if len(way) > MAX_DEPTH:
            mark = node.start_mark
            raise _Refused(_too_deep(self._file, mark.line + 1, mark.column + 1))
        self._places[way] = Place(
            key.start_mark.line + 1, key.start_mark.column + 1, node.start_mark.line + 1, node.start_mark.column + 1
        )
        if isinstance(node, ScalarNode):
            self._count(node)
            return self._scalar(node)
        if isinstance(node, SequenceNode):
            return [self._data(item, (*way, index), item) for index, item in enumerate(node.value)]
        return self._mapping(node, way)

    def _mapping(self, node: Node, way: Way) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._refuse("NotAString", "a key must be a string", key_node)
            if key_node.tag == _TAG + "merge":
                raise self._refuse("MergeKey", "merge keys (<<) are not YAML 1.2; write the fields out", key_node)
            key = key_node.value
            if key in data:
                raise self._refuse("DuplicateKey", f"the key {key[:60]!r} stands here twice", key_node)
            self._count(key_node)
            data[key] = self._data(value_node, (*way, key), key_node)
        return data

    def _count(self, node: ScalarNode) -> None:
        self._characters += len(node.value)
        if self._characters > self._max_bytes:
            message = f"more than {self._max_bytes} characters once aliases are followed"
            raise self._refuse("TooLarge", message, node)

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        match str(node.tag).removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _INT.fullmatch(text):
                return self._integer(text, node)
            case "float" if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
                value = float(text) if _FLOAT.fullmatch(text) else math.nan
                if not math.isfinite(value):
                    raise self._refuse("NotANumber", f"{text[:40]} is not a number that JSON can carry", node)
                return value
            case _:
                return text

    def _integer(self, text: str, node: Node) -> int:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        value = int(text, base) if len(text) <= _MAX_DIGITS else None
        if value is None or not -(2**63) <= value < 2**64:
            message = f"{text[:40]} has more than 64 bits: Helm would round it"
            raise self._refuse("NotANumber", message, node, hint="quote it")
        return value

    def _refuse(self, code: str, message: str, node: Node, hint: str = "") -> _Refused:
        return _at(node, self._file, code, message, hint)
