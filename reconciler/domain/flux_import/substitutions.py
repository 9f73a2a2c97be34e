"""Flux's `${NAME}` placeholders, and what else in a HelmRelease's values means something else here than it did there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.manifests import warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

# `${NAME}`, also with a default (`${NAME:=x}`, `${NAME:-x}`); `$${NAME}` is Flux's way to write `${NAME}` itself.
_PLACEHOLDER: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[=-]([^}]*))?\}")
_ESCAPED: Final = "$${"
# Flux reads YAML 1.1, to which these words, unless quoted, are booleans.
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


def substitute(text: str, given: Mapping[str, str]) -> str:
    """A file's text with the placeholders filled in whose values are given, before it is parsed: so does Flux."""
    return _PLACEHOLDER.sub(lambda found: given.get(found[1], found[0]), text)


def unescaped(value: Any) -> Any:
    """Data with `$${` read as Flux reads it."""
    if isinstance(value, str):
        return value.replace(_ESCAPED, "${")
    if isinstance(value, dict):
        return {key: unescaped(one) for key, one in value.items()}
    return [unescaped(one) for one in value] if isinstance(value, list) else value


def ambiguous_values(source: Source, value: Any, way: KeyPath) -> Iterable[Problem]:
    """Everything in a part of a document that will not mean what it meant to Flux, each at its place."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from placeholder_problems(source, key, (*way, key), at_value=False)
            yield from ambiguous_values(source, one, (*way, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from ambiguous_values(source, one, (*way, index))
    elif isinstance(value, str):
        yield from placeholder_problems(source, value, way)
        if value.lower() in _WORDS:
            message = f"{_name(way)} is {value}: to Flux a boolean unless it is quoted, here the word"
            yield warning(source.problem("Boolean", message, way, at_value=True, hint="write true or false, or quote it"))


def placeholder_problems(source: Source, text: str, way: KeyPath, *, at_value: bool = True) -> Iterable[Problem]:
    """The placeholders that are left in a string."""
    for found in _PLACEHOLDER.finditer(text):
        message = f"{_name(way)} holds {found[0]}, which Flux filled in and nobody does here"
        hint = f"give --set {found[1]}={found[2] or 'VALUE'}"
        yield source.problem("UnresolvedPlaceholder", message, way, at_value=at_value, hint=hint)


def _name(way: KeyPath) -> str:
    return ".".join(str(step) for step in way)
