"""The defaults that a JSON Schema gives: a thing that JSON Schema itself leaves to whoever reads it.

Taken are the defaults of `properties`, nested ones too, in `allOf` and behind references inside the schema: they hold whatever
the values are. Of several forms (`oneOf`, `anyOf`) those of the one form count that the values fit; where they fit several or
none, nobody knows which is meant, and nothing is filled in. `if` is not looked at.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.domain.values.json_schema import is_valid, schema_problem
from reconciler.model.errors import IntegrityError

MAX_SCHEMA_DEPTH: Final = 64  # of a schema that speaks of itself; no document is nested deeper
MAX_SCHEMA_STEPS: Final = 100_000  # parts of a schema that are looked at: parts that speak of each other have ways without number
MAX_NESTED: Final = 128
_FORM_STEPS: Final = 1_000  # what it costs to try a form
_SHARED: Final = ("$defs", "definitions")


class SchemaCostError(IntegrityError):
    """Collecting the defaults of a schema takes more steps than allowed."""


@dataclass
class _Root:
    """A whole schema, and how much of it may still be looked at."""

    schema: Mapping[str, Any]
    left: int = MAX_SCHEMA_STEPS

    def spend(self, steps: int, depth: int = 0) -> None:
        """Go on, or raise SchemaCostError."""
        self.left -= steps
        if self.left < 0 or depth > MAX_NESTED:
            raise SchemaCostError(
                f"it takes more than {MAX_SCHEMA_STEPS} steps, or {MAX_NESTED} into each other, to collect its defaults"
            )


def merge_defaults(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lay new values over old ones in place: mappings key by key, everything else replaced whole (as Helm does)."""
    for key, value in new.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge_defaults(old, value)
        else:
            into[key] = copy.deepcopy(value)


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What holds whatever the values are; a property without any default is left out.

    Raises:
        SchemaCostError: there are too many.
    """
    return _of(schema, _Root(schema))


def apply_one_of_defaults(schema: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Fill in, in place, the defaults of the forms that the values have, where nothing stands yet; at most MAX_STEPS far."""
    with contextlib.suppress(SchemaCostError):
        _fill(schema, _Root(schema), values, 0)


def _of(schema: Any, root: _Root, followed: tuple[str, ...] = (), depth: int = 0) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not isinstance(schema, Mapping) or len(followed) > MAX_SCHEMA_DEPTH:
        return values
    root.spend(1, depth)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in followed:
        merge_defaults(values, _of(_behind(reference, root.schema), root, (*followed, reference), depth + 1))
    for part in _list(schema, "allOf"):
        merge_defaults(values, _of(part, root, followed, depth + 1))
    for key, part in _properties(schema).items():
        found = _default(part, root, followed, depth + 1)
        if found is not None:
            merge_defaults(values, {key: found[0]})
    return values


def _default(part: Any, root: _Root, followed: tuple[str, ...], depth: int) -> tuple[Any] | None:
    """A property's default in a tuple of one, since None may be one."""
    if not isinstance(part, Mapping):
        return None
    holder, reference = part, part.get("$ref")
    if "default" not in part and isinstance(reference, str) and reference not in followed:
        holder = _behind(reference, root.schema)
    if isinstance(holder, Mapping) and "default" in holder:
        root.spend(_parts(holder["default"]))
        return (holder["default"],)
    nested = _of(part, root, followed, depth)
    return (nested,) if nested else None


def _parts(data: Any) -> int:
    """Of how many mappings, lists and scalars something consists."""
    inner = data.values() if isinstance(data, Mapping) else data if isinstance(data, list) else ()
    return 1 + sum(map(_parts, inner))


def _fill(schema: Any, root: _Root, values: dict[str, Any], depth: int) -> None:
    if not isinstance(schema, Mapping) or depth > MAX_SCHEMA_DEPTH:
        return
    root.spend(1)
    for word in ("oneOf", "anyOf"):
        forms = [f for f in (_filled(form, root, values) for form in _list(schema, word)) if f is not None]
        if len(forms) == 1:
            values.clear()
            values.update(forms[0])
    parts = [schema, *_list(schema, "allOf")]
    if isinstance(reference := schema.get("$ref"), str):
        parts.append(_behind(reference, root.schema))
    for part in parts:
        if part is not schema:
            _fill(part, root, values, depth + 1)
        for key, inner in (_properties(part) if isinstance(part, Mapping) else {}).items():
            if isinstance(values.get(key), dict):
                _fill(inner, root, values[key], depth + 1)


def _filled(form: Any, root: _Root, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values with a form's defaults, when they have that form then."""
    if not isinstance(form, Mapping):
        return None
    root.spend(_FORM_STEPS)
    filled = _of(form, root)
    merge_defaults(filled, values)
    alone = {**{word: root.schema[word] for word in _SHARED if word in root.schema}, **form}  # where its references lead
    return filled if schema_problem(alone) is None and is_valid(alone, filled) else None


def _behind(reference: str, root: Mapping[str, Any]) -> Any:
    """The part of a schema that a reference leads to; None when it leads elsewhere."""
    part: Any = root
    first, *steps = reference.split("/")
    for step in steps if first == "#" else ["?"]:
        part = part.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(part, Mapping) else None
    return part


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _list(schema: Mapping[str, Any], word: str) -> list[Any]:
    found = schema.get(word)
    return found if isinstance(found, list) else []
