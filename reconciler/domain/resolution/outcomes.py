"""Answers of a search: the solution, or the reason why there is none.

An unsolvable input is an expected answer, so it is returned and not raised; callers match all kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.resolution.requirements import Candidate, Requirement

Solution: TypeAlias = "Mapping[str, Candidate]"
"""The chosen candidate of each Application."""


@final
@dataclass(frozen=True)
class NoSolution:
    """The requirements cannot be met together.

    Attributes:
        causes: the requirements that conflicted last.
    """

    causes: tuple[Requirement, ...]


@final
@dataclass(frozen=True)
class SearchLimitExceeded:
    """The search stopped at its limit of steps or Applications before it reached an answer."""


@final
@dataclass(frozen=True)
class CyclicSolution:
    """Every solution within the limits has Applications that depend on each other in a cycle.

    Attributes:
        solution: the first of them.
        cycle: its cycle, each Application depending on the next, the first repeated at the end.
    """

    solution: Solution
    cycle: tuple[str, ...]


Unsolvable: TypeAlias = NoSolution | SearchLimitExceeded | CyclicSolution
