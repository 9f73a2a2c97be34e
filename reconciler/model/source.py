"""A parsed file: plain data, and where in the file each part of it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.problem import Problem

# A way through nested data: mapping keys and list indexes.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Location:
    """Where a part of a document stands; lines and columns count from 1.

    For a mapping's entry, `line` and `column` are its key's and `value_line` and `value_column` its value's.
    """

    line: int
    column: int
    value_line: int
    value_column: int


@dataclass(frozen=True)
class Source:
    """One document of a file.

    Attributes:
        file: its path, as problems shall name it.
        data: mappings with string keys, lists, strings, numbers, booleans and None; None when `problems` has errors.
        locations: the place of every part, by its way.
        problems: what was wrong with the text itself.
    """

    file: str
    data: Any = None
    locations: Mapping[KeyPath, Location] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(  # noqa: D417 - the other arguments are Problem's own
        self, code: str, message: str, path: KeyPath = (), *, hint: str = "", at_value: bool = False
    ) -> Problem:
        """A problem at the part that `path` leads to, or at the nearest part around it that exists.

        Args:
            path: where in the data.
            at_value: point at the value rather than at its key.
        """
        place = self._nearest(path)
        line, column = (place.value_line, place.value_column) if at_value else (place.line, place.column)
        return Problem(code=code, message=message, file=self.file, line=line, column=column, hint=hint)

    def _nearest(self, path: KeyPath) -> Location:
        while path and path not in self.locations:
            path = path[:-1]
        return self.locations.get(path, Location(1, 1, 1, 1))
