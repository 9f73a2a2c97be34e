"""Finds `${NAME}` placeholders: nothing on the way to the cluster replaces them, so they would be installed as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.model.plain_data import walk_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.problem import Problem
    from reconciler.model.source import Source

# The syntax of shells, envsubst and Flux, with or without a default, which may be a secret and is not shown.
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,60})(?:\}|[:?=+-])")
_HINT: Final = "write the value itself: nothing replaces it later"


def find_placeholders(source: Source) -> Iterator[Problem]:
    """Yields a problem for every placeholder in a document, keys included."""
    for path, text, at_value in walk_texts(source.data):
        for name in dict.fromkeys(_PLACEHOLDER.findall(text)):
            message = f"{'.'.join(map(str, path)) or 'the document'} contains the placeholder ${{{name}}}"
            yield source.problem("UnresolvedPlaceholder", message, path, at_value=at_value, hint=_HINT)
