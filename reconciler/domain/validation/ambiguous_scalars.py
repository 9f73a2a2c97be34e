"""Warns of an Application's values that YAML 1.1, and so Helm and kubectl, would read as another value than YAML 1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.problem import Problem
    from reconciler.model.source import Source

_CONFIG: Final = ("spec", "config")
_HINT: Final = "quote it, or write it so that both read it alike: 0o755 or 493 for 0755, true for yes, 1000 for 1_000 or 1e3"


def find_ambiguous_scalars(source: Source) -> Iterator[Problem]:
    """Yields a warning for each such value of `spec.config`."""
    for path in source.ambiguous:
        if path[:2] == _CONFIG:
            message = f"{'.'.join(map(str, path[1:]))} is read as YAML 1.2; Helm's own files have another value for it"
            problem = source.problem("AmbiguousValue", message, path, hint=_HINT, at_value=True)
            yield problem.model_copy(update={"severity": "warning"})
