"""How much of a text is read, and how the reading ends when that, or anything else, is not acceptable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.problem import Problem


@dataclass(frozen=True)
class YamlLimits:
    """How much is read.

    Attributes:
        characters: of all scalars of a document, after aliases are followed.
        depth: how deep parts may be nested.
        parts: mappings, lists and scalars of a document, after aliases are followed: a short alias bomb is many.
    """

    characters: int
    depth: int
    parts: int


class DocumentRejected(Exception):  # noqa: N818 - carries a problem out of the walk
    """The text is not acceptable; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
