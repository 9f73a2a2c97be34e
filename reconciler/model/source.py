"""A parsed file: plain data, and the location of each part in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.problem import Problem

# A path through nested data: mapping keys and list indexes.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Location:
    """Location of a part of a document; lines and columns count from 1.

    For a mapping's entry, `line` and `column` are those of its key, `value_line` and `value_column` those of its value.
    """

    line: int
    column: int
    value_line: int
    value_column: int


@dataclass(frozen=True)
class Source:
    """The document of a file.

    Attributes:
        file: its path, as reported in problems.
        data: mappings with string keys, lists, strings, numbers, booleans and None; None when `problems` has errors.
        locations: the location of every part, by its path.
        problems: the problems of the text itself, such as invalid YAML.
        ambiguous: the paths of scalars without quotes that YAML 1.1, and so Helm, reads as another value: `0755`, `yes`, `1e9`.
    """

    file: str
    data: Any = None
    locations: Mapping[KeyPath, Location] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    ambiguous: tuple[KeyPath, ...] = ()

    def problem(  # noqa: D417 - the other arguments are Problem's own
        self, code: str, message: str, path: KeyPath = (), *, hint: str = "", at_value: bool = False
    ) -> Problem:
        """Returns a problem located at `path`, or at its nearest ancestor that exists.

        Args:
            path: the path of the part in the data.
            at_value: use the location of the value instead of that of its key.
        """
        location = self._nearest(path)
        line, column = (location.value_line, location.value_column) if at_value else (location.line, location.column)
        return Problem(code=code, message=message, file=self.file, line=line, column=column, hint=hint)

    def _nearest(self, path: KeyPath) -> Location:
        while path and path not in self.locations:
            path = path[:-1]
        return self.locations.get(path, Location(1, 1, 1, 1))
