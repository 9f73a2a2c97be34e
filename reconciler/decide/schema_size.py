"""How much work a JSON Schema can ask for: a short text of references to references of references can ask for years of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

MAX_PARTS: Final = 100_000  # with every reference written out; a validator looks at most of them for each value
_SHARED: Final = frozenset({"$defs", "definitions"})  # they count where something refers to them
_NAMES: Final = ("$id", "$anchor", "$dynamicAnchor")
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
        self._named: dict[str, list[Any]] = {"": [root]}
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
        references = [part[word] for word in _REFERENCES if isinstance(part.get(word), str)]
        return 1 + inside + sum(self.weight(found) for one in references for found in self._behind(one))

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
    return [step for step in address.lower().split("#")[0].split("/") if step not in {".", ".."}][-1]


def _at(part: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list):
            part = part[int(key)] if key.isdecimal() and int(key) < len(part) else None
        else:
            part = part.get(key) if isinstance(part, Mapping) else None
    return part
