"""Collects the defaults of a JSON Schema, which the standard leaves to each tool, and merges values as Helm does.

Collected are the defaults of `properties`, nested ones too, in `allOf` and behind references inside the schema: they apply
whatever the values are. Of several forms (`oneOf`, `anyOf`) the defaults of the one form that the values match are added; when
they match several or none, the form is ambiguous and nothing is added. `if` is ignored.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.domain.values.json_schema import is_valid, schema_problem
from reconciler.model.errors import IntegrityError
from reconciler.model.plain_data import pointer_steps, value_at

MAX_SCHEMA_DEPTH: Final = 64  # of a recursive schema; no document is nested deeper
MAX_SCHEMA_STEPS: Final = 100_000  # parts of a schema that are visited: mutually recursive parts have exponentially many paths
MAX_NESTED: Final = 128  # depth of a path through a schema
_FORM_STEPS: Final = 1_000  # the cost of trying a form
_SHARED: Final = ("$defs", "definitions")


class SchemaCostError(IntegrityError):
    """Collecting the defaults of a schema takes more steps than allowed."""


@dataclass
class _Root:
    """A whole schema, and the remaining budget of steps."""

    schema: Mapping[str, Any]
    remaining: int = MAX_SCHEMA_STEPS

    def spend(self, steps: int, depth: int = 0) -> None:
        """Spends steps of the budget.

        Raises:
            SchemaCostError: the budget is used up, or the depth is too large.
        """
        self.remaining -= steps
        if self.remaining < 0 or depth > MAX_NESTED:
            raise SchemaCostError(
                f"collecting its defaults takes more than {MAX_SCHEMA_STEPS} steps, or a depth of more than {MAX_NESTED}"
            )


def merge_defaults(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Merges new values over old ones in place: mappings key by key, everything else is replaced as a whole (as Helm does)."""
    for key, value in new.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge_defaults(old, value)
        else:
            into[key] = copy.deepcopy(value)


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the defaults that apply whatever the values are; a property without a default is left out.

    Raises:
        SchemaCostError: there are too many.
    """
    return _collect(schema, _Root(schema))


def apply_one_of_defaults(schema: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Adds, in place, the defaults of the forms that the values match, where no value exists; at most MAX_SCHEMA_STEPS steps."""
    with contextlib.suppress(SchemaCostError):
        _fill(schema, _Root(schema), values, 0)


def _collect(schema: Any, root: _Root, followed: tuple[str, ...] = (), depth: int = 0) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not isinstance(schema, Mapping) or len(followed) > MAX_SCHEMA_DEPTH:
        return values
    root.spend(1, depth)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in followed:
        merge_defaults(values, _collect(_target(reference, root.schema), root, (*followed, reference), depth + 1))
    for part in _list(schema, "allOf"):
        merge_defaults(values, _collect(part, root, followed, depth + 1))
    for key, part in _properties(schema).items():
        default = _default(part, root, followed, depth + 1)
        if default is not None:
            merge_defaults(values, {key: default[0]})
    return values


def _default(part: Any, root: _Root, followed: tuple[str, ...], depth: int) -> tuple[Any] | None:
    """A property's default in a tuple of one, since None may be a default."""
    if not isinstance(part, Mapping):
        return None
    owner, reference = part, part.get("$ref")
    if "default" not in part and isinstance(reference, str) and reference not in followed:
        owner = _target(reference, root.schema)
    if isinstance(owner, Mapping) and "default" in owner:
        root.spend(_parts(owner["default"]))
        return (owner["default"],)
    nested = _collect(part, root, followed, depth)
    return (nested,) if nested else None


def _parts(data: Any) -> int:
    """The number of mappings, lists and scalars in data."""
    inner = data.values() if isinstance(data, Mapping) else data if isinstance(data, list) else ()
    return 1 + sum(map(_parts, inner))


def _fill(schema: Any, root: _Root, values: dict[str, Any], depth: int) -> None:
    if not isinstance(schema, Mapping) or depth > MAX_SCHEMA_DEPTH:
        return
    root.spend(1)
    for keyword in ("oneOf", "anyOf"):
        forms = [f for f in (_filled(form, root, values) for form in _list(schema, keyword)) if f is not None]
        if len(forms) == 1:
            values.clear()
            values.update(forms[0])
    parts = [schema, *_list(schema, "allOf")]
    if isinstance(reference := schema.get("$ref"), str):
        parts.append(_target(reference, root.schema))
    for part in parts:
        if part is not schema:
            _fill(part, root, values, depth + 1)
        for key, inner in (_properties(part) if isinstance(part, Mapping) else {}).items():
            if isinstance(values.get(key), dict):
                _fill(inner, root, values[key], depth + 1)


def _filled(form: Any, root: _Root, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values with a form's defaults, if they match the form then; else None."""
    if not isinstance(form, Mapping):
        return None
    root.spend(_FORM_STEPS)
    filled = _collect(form, root)
    merge_defaults(filled, values)
    schema = {
        **{keyword: root.schema[keyword] for keyword in _SHARED if keyword in root.schema},
        **form,
    }  # the definitions that its references lead to
    return filled if schema_problem(schema) is None and is_valid(schema, filled) else None


def _target(reference: str, root: Mapping[str, Any]) -> Any:
    """The part of a schema that a reference leads to; None when it leads elsewhere."""
    document, *_ = reference.split("/")
    return value_at(root, pointer_steps(reference)) if document == "#" else None


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _list(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    parts = schema.get(keyword)
    return parts if isinstance(parts, list) else []
