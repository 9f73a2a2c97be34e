"""Counts the work of validating values against a JSON Schema, before it is done.

A short schema can cause years of it: references to references of references, or forms in forms (`oneOf`), each of which a
validator tries. The count follows the same paths as a validator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from reconciler.model.plain_data import pointer_steps

MAX_WORK: Final = 100_000  # comparisons of a schema's part with a part of the values: a second or two of a validator
_MAX_DEPTH: Final = 200
_NAMES: Final = ("$id", "$anchor", "$dynamicAnchor")
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_NOT_APPLIED: Final = frozenset(
    {"$defs", "definitions", "const", "default", "enum", "examples"}
)  # data, or what only references lead to
_OF_KEYS: Final = "properties"
_OF_SOME_KEYS: Final = "patternProperties"
_BY_KEY: Final = frozenset({"dependencies", "dependentSchemas"})
_OF_EVERY_PART: Final = frozenset(
    {"additionalItems", "additionalProperties", "contains", "items", "prefixItems", "unevaluatedItems", "unevaluatedProperties"}
)


def exceeds_cost_limit(schema: Mapping[str, Any], values: Any) -> bool:
    """Whether validating the values takes more than MAX_WORK. The count is an upper bound."""
    try:
        _WorkCounter(schema).count(schema, values)
    except _LimitExceeded:
        return True
    return False


class _LimitExceeded(Exception):  # noqa: N818 - private, and caught in this module
    pass


class _WorkCounter:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._named: dict[str, list[Any]] = {"": [root]}
        self._remaining = MAX_WORK
        self._collect_names(root)

    def count(self, part: Any, value: Any, pending: frozenset[int] = frozenset(), depth: int = 0) -> None:
        """Counts the work of a validator.

        Args:
            part: of the schema.
            value: the part of the values that it applies to.
            pending: the parts of the schema that are being applied to this very value: a cycle among them ends.
            depth: of the path, in both.

        Raises:
            _LimitExceeded: it is too much.
        """
        if isinstance(part, list):
            for inner in part:
                self.count(inner, value, pending, depth)
        if not isinstance(part, Mapping) or id(part) in pending:
            return
        self._remaining -= 1
        if self._remaining < 0 or depth > _MAX_DEPTH:
            raise _LimitExceeded
        pending |= {id(part)}
        for keyword, inner in part.items():
            if keyword in _REFERENCES:
                for target in self._targets(inner) if isinstance(inner, str) else ():
                    self.count(target, value, pending, depth + 1)
            elif keyword not in _NOT_APPLIED:
                self._keyword(keyword, inner, value, pending, depth + 1)

    def _keyword(self, keyword: str, inner: Any, value: Any, pending: frozenset[int], depth: int) -> None:
        children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        if keyword == _OF_KEYS:
            for key in inner if isinstance(inner, Mapping) and isinstance(value, Mapping) else ():
                if key in value:
                    self.count(inner[key], value[key], depth=depth)
        elif keyword in _OF_EVERY_PART:
            for child in children:
                self.count(inner, child, depth=depth)
        elif keyword == _OF_SOME_KEYS:
            for child in children:
                self.count(list(inner.values()) if isinstance(inner, Mapping) else None, child, depth=depth)
        elif keyword in _BY_KEY:
            self.count(list(inner.values()) if isinstance(inner, Mapping) else None, value, pending, depth)
        else:  # allOf, oneOf, not and the like; data that is not a schema costs nothing
            self.count(inner, value, pending, depth)

    def _collect_names(self, part: Any) -> None:
        """Collects the names by which references can address parts, other than by a pointer."""
        if isinstance(part, Mapping):
            for keyword in _NAMES:
                if isinstance(name := part.get(keyword), str):
                    self._named.setdefault(_last_segment(name) if keyword == "$id" else f"#{name}", []).append(part)
        for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
            self._collect_names(inner)

    def _targets(self, reference: str) -> list[Any]:
        """The parts that a reference may lead to; a reference outside the schema is refused by the validator."""
        base, _, fragment = unquote(reference).partition("#")
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"#{fragment}", [])
        return [_resolve_pointer(part, fragment) for part in self._named.get(_last_segment(base), [])]


def _last_segment(address: str) -> str:
    """The last segment of an address, which is the same whatever it is relative to; all parts with equal segments count."""
    return ["", *(step for step in unquote(address).lower().split("#")[0].split("/") if step not in {"", ".", ".."})][-1]


def _resolve_pointer(part: Any, pointer: str) -> Any:
    for key in pointer_steps(pointer):
        if isinstance(part, list):
            part = next((inner for index, inner in enumerate(part) if str(index) == key), None)
        else:
            part = part.get(key) if isinstance(part, Mapping) else None
    return part
