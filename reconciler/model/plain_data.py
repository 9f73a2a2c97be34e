"""Plain data as YAML and JSON have it: mappings with string keys, lists and scalars, and the ways through them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.source import KeyPath

_EMPTY: Final[Mapping[str, Any]] = {}


def mapping(value: Any) -> Mapping[str, Any]:
    """Returns the value if it is a mapping, else an empty one."""
    return value if type(value) is dict or isinstance(value, Mapping) else _EMPTY


def value_at(data: Any, path: KeyPath, default: Any = None) -> Any:
    """Returns the part of the data at a path; the default when the path leads nowhere."""
    for step in path:
        if isinstance(data, list):
            exists = isinstance(step, int) and step < len(data)
        else:
            exists = isinstance(data, Mapping) and step in data
        if not exists:
            return default
        data = data[step]
    return data


def pointer_steps(pointer: str) -> tuple[str, ...]:
    """Returns the reference tokens of a JSON pointer (RFC 6901) such as `/properties/a~1b`."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def walk_texts(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str, bool]]:
    """Yields every string of the data with its path; the last item is False for the key of a mapping, True for a value."""
    if isinstance(data, str):
        yield path, data, True
    elif isinstance(data, dict):
        for key, value in data.items():
            yield (*path, key), key, False
            yield from walk_texts(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from walk_texts(value, (*path, index))


def map_texts(data: Any, change: Callable[[str], str]) -> Any:
    """Returns the data with every string changed, keys included."""
    if isinstance(data, str):
        return change(data)
    if isinstance(data, dict):
        return {change(key): map_texts(value, change) for key, value in data.items()}
    return [map_texts(value, change) for value in data] if isinstance(data, list) else data
