"""Placeholders that nobody filled in: nothing on the way to the cluster replaces `${NAME}`, so it would be installed as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

# As shells, envsubst and Flux write them, with or without a default, which may be a secret and is not shown.
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,60})(?:\}|[:?=+-])")
_HINT: Final = "write the value itself: nothing replaces it later"


def find_placeholders(source: Source) -> Iterator[Problem]:
    """Every placeholder in a document, keys included, each at its place."""
    for way, text, at_value in _texts(source.data, ()):
        for name in dict.fromkeys(_PLACEHOLDER.findall(text)):
            message = f"{'.'.join(map(str, way)) or 'the document'} holds the placeholder ${{{name}}}"
            yield source.problem("UnresolvedPlaceholder", message, way, at_value=at_value, hint=_HINT)


def _texts(data: Any, way: KeyPath) -> Iterator[tuple[KeyPath, str, bool]]:
    """All texts of a document with their ways; the last says whether it is a value (and not a key)."""
    if isinstance(data, str):
        yield way, data, True
    elif isinstance(data, dict):
        for key, value in data.items():
            yield (*way, key), key, False
            yield from _texts(value, (*way, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*way, index))
