"""Reads a chart's values.yaml as Helm does: YAML 1.1 by go-yaml v2, by way of JSON.

`0644` is 420, `yes` is true, `1_000` is 1000, merge keys apply, the last of equal keys counts, further documents are merged over
the first, and every number is a float64. libyaml, which go-yaml was ported from, splits the text into events; they are resolved
here.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any, Final

from yaml import YAMLError  # type: ignore[import-untyped]
from yaml.cyaml import CParser  # type: ignore[import-untyped]
from yaml.events import (  # type: ignore[import-untyped]
    AliasEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_PARTS: Final = 200_000  # mappings, lists and scalars, after aliases are followed: the largest public charts have a quarter
MAX_DEPTH: Final = 100
MAX_BYTES: Final = 4 * 1024 * 1024

_TAG: Final = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _BOOL, _NULL, _BINARY, _TIMESTAMP = (
    _TAG + kind for kind in ("str", "int", "float", "bool", "null", "binary", "timestamp")
)
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_FINITE: Final = re.compile(r"\.(?:nan|NaN|NAN)|[-+]?\.(?:inf|Inf|INF)")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_DECIMAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES: Final = (16, 2, 8, 10)
_MAX_DIGITS: Final = 66
_EXACT: Final = 2**63
_MAX_KEY: Final = 1e9  # of a fraction: Helm writes keys with the precision of 32 bits
# What libyaml refuses and go-yaml may not: `{http://a,}`, "\\'", `!!str,`.
_OF_LIBYAML_ALONE: Final = frozenset(
    {"found unexpected ':'", "found unknown escape character", "did not find expected whitespace or line break"}
)
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class HelmRefusesError(IntegrityError):
    """Values that Helm cannot read: it refuses the whole chart."""


class UnreadError(IntegrityError):
    """Values that are left unread, since they exceed a limit or hold something rare; Helm may read them."""


def read_helm_values(text: bytes) -> dict[str, Any]:
    """Returns the values of a values.yaml, with whole numbers as int wherever a float64 is one.

    Raises:
        HelmRefusesError: Helm cannot read it.
        UnreadError: it is too large, or not certain.
    """
    if len(text) > MAX_BYTES:
        raise UnreadError(f"it has more than {MAX_BYTES} bytes")
    values: dict[str, Any] = {}
    for chunk in _chunks(text.removeprefix(b"\xef\xbb\xbf")):
        data = _first_document(chunk)
        if data is not None and not isinstance(data, dict):
            raise HelmRefusesError("is not a mapping")
        values = _merged(values, data or {})
    return values


def parse_helm_mapping(text: bytes) -> dict[str, Any]:
    """Returns a file of a chart other than its values (Chart.yaml); errors as for `read_helm_values`."""
    if len(text) > MAX_BYTES:
        raise UnreadError(f"it has more than {MAX_BYTES} bytes")
    data = _first_document(text.removeprefix(b"\xef\xbb\xbf"))
    if data is not None and not isinstance(data, dict):
        raise HelmRefusesError("is not a mapping")
    return data or {}


def resolve_as_helm(text: str) -> str | float | bool | None:
    """Returns what Helm takes a plain scalar for.

    Raises:
        HelmRefusesError: it is a number that JSON does not have.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise HelmRefusesError("has a number that is infinite or none")
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> float | None:
    digits = text if text[0] == "." else text.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match is not None and len(digits) <= _MAX_DIGITS and match.group() not in {"0o", "0O"}:
        sign, *groups = match.groups()
        value = next(int(group, base) for group, base in zip(groups, _BASES, strict=True) if group is not None)
        value = -value if sign == "-" else value
        if -_EXACT <= value < 2 * _EXACT and not (sign == "+" and value >= _EXACT):
            return _as_float64(value)
    if not _DECIMAL.fullmatch(digits):
        return None
    number = float(digits)
    return _as_float64(number) if math.isfinite(number) else None


def _as_float64(number: float) -> float:
    """The number that is left of it in JSON; whole ones as int, as a schema compares them."""
    number = float(number)
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _chunks(text: bytes) -> Iterator[bytes]:
    """The documents as Helm splits them: at lines that begin with `---`, which only a comment may follow."""
    lines: list[bytes] = []
    for line in text.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n") if text else ():
        if line.startswith(b"---"):
            if line[3:].strip() and not line[3:].strip().startswith(b"#"):
                raise HelmRefusesError("has a line that begins with --- and goes on")
            if lines:
                yield b"".join(lines)
                lines = []
                continue
        lines.append(line + b"\n")
    if lines:
        yield b"".join(lines)


def _merged(into: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(into)
    for key, value in new.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _first_document(text: bytes) -> Any:
    if text.startswith(_BYTE_ORDER_MARKS):
        raise UnreadError("it is UTF-16")
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise HelmRefusesError("is not UTF-8") from None
    try:
        return _Decoder(decoded).document()
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if getattr(error, "problem", None) in _OF_LIBYAML_ALONE:
            raise UnreadError("libyaml cannot read it") from None
        place = f" in line {mark.line + 1}" if mark is not None else ""
        raise HelmRefusesError(f"is not YAML{place}: {getattr(error, 'problem', None) or 'a character is not allowed'}") from None
    except RecursionError:
        raise UnreadError("it is nested too deep") from None


class _Decoder:
    def __init__(self, text: str) -> None:
        self._next = CParser(text).get_event
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._parts = 0

    def document(self) -> Any:
        """Decodes the first document; None for an empty text."""
        self._next()  # the start of the stream
        if type(self._next()) is StreamEndEvent:
            return None
        return self._part(self._next(), 0)

    def _part(self, event: Any, depth: int) -> Any:
        before = self._parts
        self._count(1)
        if depth > MAX_DEPTH:
            raise UnreadError(f"it is nested more than {MAX_DEPTH} deep")
        kind = type(event)
        if kind is AliasEvent:
            if event.anchor not in self._anchors:
                raise HelmRefusesError("has an alias without an anchor before it")
            data, parts = self._anchors[event.anchor]
            self._count(parts)
            return data
        if kind is ScalarEvent:
            data = _scalar(event)
        elif kind is SequenceStartEvent:
            data = []
            while type(item := self._next()) is not SequenceEndEvent:
                data.append(self._part(item, depth + 1))
        else:
            data = self._mapping(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (data, self._parts - before)
        return data

    def _mapping(self, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while type(key := self._next()) is not MappingEndEvent:
            if type(key) is ScalarEvent and key.value == "<<" and (key.implicit[0] or key.tag == _TAG + "merge"):
                self._merge(data, self._next(), depth)
                continue
            name = self._key(key, depth)
            data[name] = self._part(self._next(), depth + 1)
        return data

    def _merge(self, data: dict[str, Any], event: Any, depth: int) -> None:
        merged = self._part(event, depth + 1)
        for mapping in reversed(merged) if isinstance(merged, list) else [merged]:
            if not isinstance(mapping, dict):
                raise HelmRefusesError("has a merge key (<<) whose value is no mapping")
            data.update(mapping)

    def _key(self, event: Any, depth: int) -> str:
        if type(event) is ScalarEvent and _NOT_FINITE.fullmatch(event.value):
            raise UnreadError("it has a number as a key")
        key = self._part(event, depth + 1)
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, str):
            return key
        if isinstance(key, int | float):
            return _number_key(event, key)
        raise HelmRefusesError("has a key that is neither text, a number nor a boolean")

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MAX_PARTS:
            raise UnreadError(f"it has more than {MAX_PARTS} parts once aliases are followed")


def _number_key(event: Any, key: float) -> str:
    digits = str(event.value).replace("_", "")
    if type(event) is ScalarEvent and _INTEGER.fullmatch(digits) and abs(key) < 2**53:
        return str(key)
    text = f"{key:.6g}"
    if type(event) is not ScalarEvent or float(text) != key or not 0 < abs(key) < _MAX_KEY:
        raise UnreadError("it has a number as a key")
    return text


def _scalar(event: Any) -> Any:
    text, tag = event.value, event.tag
    if tag in {None, "!"}:
        return resolve_as_helm(text) if event.implicit[0] and tag is None else text
    if tag == _BINARY:
        try:
            return base64.b64decode(text, validate=False).decode(errors="replace")
        except (binascii.Error, ValueError):
            raise HelmRefusesError("has binary data that is not base64") from None
    if tag not in {_INT, _FLOAT, _BOOL, _NULL, _TIMESTAMP}:
        return text
    return _tagged(resolve_as_helm(text), tag, text)


def _tagged(value: Any, tag: str, text: str) -> Any:
    is_float = isinstance(value, float | int) and not isinstance(value, bool) and not _INTEGER.fullmatch(text.replace("_", ""))
    kinds = {
        _INT: isinstance(value, int) and not isinstance(value, bool) and not is_float,
        _FLOAT: isinstance(value, int | float) and not isinstance(value, bool),
        _BOOL: isinstance(value, bool),
        _NULL: value is None,
    }
    if tag == _TIMESTAMP:
        raise UnreadError("it has a time stamp with a tag")
    if not kinds[tag]:
        raise HelmRefusesError("has a value that is not what its tag says")
    return value
