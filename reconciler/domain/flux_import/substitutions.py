"""Substitutes Flux's `${NAME}` placeholders, and reports values that mean something else to the reconciler than to Flux."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.manifests import warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

# `${NAME}`, also with a default (`${NAME:=x}`, `${NAME:-x}`); `$${NAME}` is Flux's escape for a literal `${NAME}`.
_PLACEHOLDER: Final = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[=-]([^}]*))?\}")
_ESCAPED: Final = "$${"
# Flux reads YAML 1.1, where these words are booleans unless quoted.
_YAML11_BOOLEANS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


def substitute(text: str, given: Mapping[str, str]) -> str:
    """Substitutes the placeholders with given values in a file's text, before it is parsed, as Flux does."""
    return _PLACEHOLDER.sub(lambda match: given.get(match[1], match[0]), text)


def unescaped(value: Any) -> Any:
    """Returns data with Flux's escape `$${` resolved."""
    if isinstance(value, str):
        return value.replace(_ESCAPED, "${")
    if isinstance(value, dict):
        return {key: unescaped(part) for key, part in value.items()}
    return [unescaped(part) for part in value] if isinstance(value, list) else value


def ambiguous_values(source: Source, value: Any, path: KeyPath) -> Iterable[Problem]:
    """Yields a problem for each value in a part of a document that does not mean what it means to Flux."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from placeholder_problems(source, key, (*path, key), at_value=False)
            yield from ambiguous_values(source, part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from ambiguous_values(source, part, (*path, index))
    elif isinstance(value, str):
        yield from placeholder_problems(source, value, path)
        if value.lower() in _YAML11_BOOLEANS:
            message = f"{_name(path)} is {value}: to Flux a boolean unless it is quoted, here a string"
            yield warning(source.problem("Boolean", message, path, at_value=True, hint="write true or false, or quote it"))


def placeholder_problems(source: Source, text: str, path: KeyPath, *, at_value: bool = True) -> Iterable[Problem]:
    """Yields a problem for each placeholder in a string."""
    for match in _PLACEHOLDER.finditer(text):
        message = f"{_name(path)} contains {match[0]}, which Flux substitutes and the reconciler does not"
        hint = f"give --set {match[1]}={match[2] or 'VALUE'}"
        yield source.problem("UnresolvedPlaceholder", message, path, at_value=at_value, hint=hint)


def _name(path: KeyPath) -> str:
    return ".".join(str(key) for key in path)
