"""Finds texts that another tool would have replaced: nothing on the way to the cluster does, so they would be installed so.

They are `${NAME}` placeholders, and values that SOPS has encrypted. A literal `${NAME}`, of a script or a dashboard, is written
with one more dollar, `$${NAME}`, as in Flux.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from reconciler.model.plain_data import map_texts, walk_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.problem import Problem
    from reconciler.model.source import Source

# The syntax of shells, envsubst and Flux, with or without a default or a function. A default may be a secret and is not shown.
_PLACEHOLDER: Final = re.compile(r"(\$+)(\{#?([A-Za-z_][A-Za-z0-9_]{0,60})(?:\}|[:?=+\-/^,%#]))")
_MAX_LENGTH: Final = 70  # characters that decide whether a text is a placeholder
_ENCRYPTED: Final = re.compile(r"ENC\[AES256_GCM,data:")
_HINT: Final = "write the value itself: nothing replaces it later; a literal ${NAME} is written $${NAME}"
_ENCRYPTED_HINT: Final = "store it in a Secret (an ExternalSecret can create it) and refer to that, or write the value itself"


def find_placeholders(source: Source) -> Iterator[Problem]:
    """Yields a problem for every placeholder and every encrypted text in a document, keys included."""
    for path, text, at_value in walk_texts(source.data):
        part = ".".join(map(str, path)) or "the document"
        for name in dict.fromkeys(name for dollars, _, name in _PLACEHOLDER.findall(text) if dollars == "$"):
            message = f"{part} contains the placeholder ${{{name}}}"
            yield source.problem("UnresolvedPlaceholder", message, path, at_value=at_value, hint=_HINT.replace("NAME", name))
        if _ENCRYPTED.match(text):
            message = f"{part} is encrypted by SOPS, and nothing decrypts it later"
            yield source.problem("UnresolvedPlaceholder", message, path, at_value=at_value, hint=_ENCRYPTED_HINT)


def is_placeholder(text: str, brace: int) -> bool:
    """Whether a dollar before the brace at an index would make a placeholder."""
    return _PLACEHOLDER.match(f"${text[brace : brace + _MAX_LENGTH]}") is not None


def escape_literals(data: Any) -> Any:
    """Returns data with one more dollar before each literal `${NAME}`, as a document must have it."""
    return map_texts(data, lambda text: _PLACEHOLDER.sub(r"$\1\2", text))


def unescape_literals(data: Any) -> Any:
    """Returns a document's data with each `$${NAME}` as the literal `${NAME}` that it stands for."""
    return map_texts(data, lambda text: _PLACEHOLDER.sub(lambda match: match[1][len(match[1]) > 1 :] + match[2], text))
