"""The graph of a lock: who needs whom, and why something is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package, Requirer

MAX_ROWS: Final = 10_000
"""Rows of one drawing: a graph in which much is shared has more ways through it than anyone reads."""


@dataclass(frozen=True)
class Row:
    """A line of a tree.

    Attributes:
        depth: how far from the root, which is 0.
        package: what stands there.
        requirer: the demand by which it hangs on the row above, or below in `why`; None for a root.
        again: what is below it was shown already.
    """

    depth: int
    package: Package
    requirer: Requirer | None = None
    again: bool = False


def is_declared(package: Package) -> bool:
    """Whether a person declared it, rather than a Blueprint."""
    return any(one.application == package.application for one in package.required_by)


def tree(lock: EnvironmentLock) -> list[Row]:
    """What nobody else needs, each with all that it needs; what is below one that stands there twice is shown once."""
    packages = {p.application: p for p in lock.packages}
    needed = {name for p in lock.packages for name in p.depends_on}
    roots = [p for p in lock.packages if p.application not in needed]
    return _rows([Row(0, root) for root in roots], lambda row: _below(row, packages))


def why(lock: EnvironmentLock, application: str) -> list[Row]:
    """An Application, and below it whoever needs it, up to what people declared. Raises KeyError when it is not there."""
    packages = {p.application: p for p in lock.packages}
    return _rows([Row(0, packages[application])], lambda row: _above(row, packages))


def mermaid(lock: EnvironmentLock) -> str:
    """The graph as Mermaid draws it, in Gitea's Markdown too."""
    numbers = {p.application: f"n{number}" for number, p in enumerate(lock.packages)}
    nodes = []
    for p in lock.packages:
        left, right = ("[", "]") if is_declared(p) else ("([", "])")
        nodes.append(f'  {numbers[p.application]}{left}"{p.application}<br/>{p.blueprint} {p.version}"{right}')
    edges = [f"  {numbers[p.application]} --> {numbers[name]}" for p in lock.packages for name in p.depends_on if name in numbers]
    return "\n".join(["flowchart LR", *nodes, *edges, ""])


def _rows(first: Sequence[Row], following: Callable[[Row], Sequence[Row]]) -> list[Row]:
    """Rows, each followed by those that hang on it; where one stands again, they are left out."""
    found: list[Row] = []
    seen: set[str] = set()
    waiting = list(reversed(first))  # not by recursion: a chain may be longer than that can be deep
    while waiting and len(found) < MAX_ROWS:
        row = waiting.pop()
        more = following(row)
        again = bool(more) and row.package.application in seen
        seen.add(row.package.application)
        found.append(replace(row, again=again))
        if not again:
            waiting.extend(reversed(more))
    return found


def _below(row: Row, packages: Mapping[str, Package]) -> list[Row]:
    found = []
    for name in row.package.depends_on:
        if (package := packages.get(name)) is not None:
            requirer = next((r for r in package.required_by if r.application == row.package.application), None)
            found.append(Row(row.depth + 1, package, requirer))
    return found


def _above(row: Row, packages: Mapping[str, Package]) -> list[Row]:
    name = row.package.application
    by = [one for one in row.package.required_by if one.application != name]
    return [Row(row.depth + 1, packages[one.application], one) for one in by if one.application in packages]
