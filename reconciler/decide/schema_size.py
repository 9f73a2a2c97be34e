"""How much work a JSON Schema can ask for: a short text of references to references of references can ask for years of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_PARTS: Final = 100_000  # with every reference written out; a validator looks at most of them for each value
_SHARED: Final = frozenset({"$defs", "definitions"})  # they count where something refers to them
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_DATA: Final = frozenset({"const", "default", "enum", "examples"})  # these hold values, not schemas


def is_too_much(schema: Mapping[str, Any]) -> bool:
    """Whether a schema has more than MAX_PARTS parts once its references are written out (each round of a circle once)."""
    try:
        return _Weighing(schema).weight(schema) > MAX_PARTS
    except RecursionError:  # references to references, hundreds deep
        return True


class _Weighing:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._named: dict[str, Any] = {"#": root}
        self._weights: dict[int, int] = {}  # by identity: parts of `root` live as long as this does
        self._name(root)

    def weight(self, part: Any) -> int:
        """How many mappings a part comes to; a part that is being weighed already counts nothing."""
        if not isinstance(part, Mapping | list):
            return 0
        if id(part) not in self._weights:
            self._weights[id(part)] = 0
            self._weights[id(part)] = self._weigh(part)
        return self._weights[id(part)]

    def _weigh(self, part: Mapping[str, Any] | list[Any]) -> int:
        if isinstance(part, list):
            return sum(self.weight(inner) for inner in part)
        inside = sum(self.weight(inner) for key, inner in part.items() if key not in _SHARED and key not in _DATA)
        behind = sum(self.weight(self._behind(part[word])) for word in _REFERENCES if isinstance(part.get(word), str))
        return 1 + inside + behind

    def _name(self, part: Any) -> None:
        """Note under which names parts can be referred to, other than by their way."""
        if isinstance(part, Mapping):
            for word, mark in (("$id", ""), ("$anchor", "#"), ("$dynamicAnchor", "#")):
                if isinstance(name := part.get(word), str):
                    self._named.setdefault(mark + name, part)
        for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
            self._name(inner)

    def _behind(self, reference: str) -> Any:
        """The part that a reference leads to; None when it leads outside, where the validator refuses it."""
        base, _, fragment = reference.partition("#")
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"#{fragment}")
        part = self._named.get(base or "#")
        for step in fragment.split("/")[1:]:
            part = part.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(part, Mapping) else None
        return part
