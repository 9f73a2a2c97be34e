"""How much work it is to check values against a JSON Schema.

A short schema can ask for years of it: references to references of references, or forms in forms (`oneOf`), each of which a
validator tries. So the work is counted before it is done, by going the ways that a validator goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

MAX_WORK: Final = 100_000  # parts of a schema that are held against a part of the values: a second or two of a validator
_MAX_DEPTH: Final = 200
_NAMES: Final = ("$id", "$anchor", "$dynamicAnchor")
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ASIDE: Final = frozenset(
    {"$defs", "definitions", "const", "default", "enum", "examples"}
)  # data, or what only references lead to
_OF_KEYS: Final = "properties"
_OF_SOME_KEYS: Final = "patternProperties"
_BY_KEY: Final = frozenset({"dependencies", "dependentSchemas"})
_OF_EVERY_PART: Final = frozenset(
    {"additionalItems", "additionalProperties", "contains", "items", "prefixItems", "unevaluatedItems", "unevaluatedProperties"}
)


def exceeds_cost_limit(schema: Mapping[str, Any], values: Any) -> bool:
    """Whether to check some values is more than MAX_WORK. Counted is rather too much than too little."""
    try:
        _Work(schema).hold(schema, values)
    except _TooMuch:
        return True
    return False


class _TooMuch(Exception):  # noqa: N818 - it is what it says
    pass


class _Work:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._named: dict[str, list[Any]] = {"": [root]}
        self._left = MAX_WORK
        self._name(root)

    def hold(self, part: Any, value: Any, same: frozenset[int] = frozenset(), depth: int = 0) -> None:
        """Count what a validator does, or raise _TooMuch.

        Args:
            part: of the schema.
            value: the part of the values that it is held against.
            same: the parts of the schema that wait for the answer about this very value: a circle among them ends.
            depth: of this way, in both.
        """
        if isinstance(part, list):
            for inner in part:
                self.hold(inner, value, same, depth)
        if not isinstance(part, Mapping) or id(part) in same:
            return
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise _TooMuch
        same |= {id(part)}
        for word, inner in part.items():
            if word in _REFERENCES:
                for found in self._behind(inner) if isinstance(inner, str) else ():
                    self.hold(found, value, same, depth + 1)
            elif word not in _ASIDE:
                self._keyword(word, inner, value, same, depth + 1)

    def _keyword(self, word: str, inner: Any, value: Any, same: frozenset[int], depth: int) -> None:
        below = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        if word == _OF_KEYS:
            for key in inner if isinstance(inner, Mapping) and isinstance(value, Mapping) else ():
                if key in value:
                    self.hold(inner[key], value[key], depth=depth)
        elif word in _OF_EVERY_PART:
            for one in below:
                self.hold(inner, one, depth=depth)
        elif word == _OF_SOME_KEYS:
            for one in below:
                self.hold(list(inner.values()) if isinstance(inner, Mapping) else None, one, depth=depth)
        elif word in _BY_KEY:
            self.hold(list(inner.values()) if isinstance(inner, Mapping) else None, value, same, depth)
        else:  # allOf, oneOf, not and their like; what is no schema costs nothing
            self.hold(inner, value, same, depth)

    def _name(self, part: Any) -> None:
        """Note under which names parts can be referred to, other than by their way."""
        if isinstance(part, Mapping):
            for word in _NAMES:
                if isinstance(name := part.get(word), str):
                    self._named.setdefault(_last(name) if word == "$id" else f"#{name}", []).append(part)
        for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
            self._name(inner)

    def _behind(self, reference: str) -> list[Any]:
        """The parts that a reference may lead to; what leads outside is for the validator to refuse."""
        base, _, fragment = unquote(reference).partition("#")
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"#{fragment}", [])
        return [_at(part, fragment) for part in self._named.get(_last(base), [])]


def _last(address: str) -> str:
    """The end of an address, by which it is known whatever it is relative to; several may have one end, and all count then."""
    return ["", *(step for step in unquote(address).lower().split("#")[0].split("/") if step not in {"", ".", ".."})][-1]


def _at(part: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list):
            part = next((inner for index, inner in enumerate(part) if str(index) == key), None)
        else:
            part = part.get(key) if isinstance(part, Mapping) else None
    return part
