"""The graph of a lock: who needs whom, and why something is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package, Requirer

MAX_GRAPH_ROWS: Final = 10_000
"""Rows of one drawing: a graph in which much is shared has more ways through it than anyone reads."""


@dataclass(frozen=True)
class GraphRow:
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


def tree(lock: EnvironmentLock) -> list[GraphRow]:
    """What nobody else needs, each with all that it needs; what is below one that stands there twice is shown once."""
    packages = {p.application: p for p in lock.packages}
    needed = {name for p in lock.packages for name in p.depends_on}
    roots = [p for p in lock.packages if p.application not in needed]
    return _rows([GraphRow(0, root) for root in roots], lambda row: _dependencies(row, packages))


def why(lock: EnvironmentLock, application: str) -> list[GraphRow]:
    """An Application, and below it whoever needs it, up to what people declared. Raises KeyError when it is not there."""
    packages = {p.application: p for p in lock.packages}
    return _rows([GraphRow(0, packages[application])], lambda row: _dependents(row, packages))


def mermaid(lock: EnvironmentLock) -> str:
    """The graph as Mermaid draws it, in Gitea's Markdown too."""
    numbers = {p.application: f"n{number}" for number, p in enumerate(lock.packages)}
    nodes = []
    for p in lock.packages:
        left, right = ("[", "]") if is_declared(p) else ("([", "])")
        nodes.append(f'  {numbers[p.application]}{left}"{p.application}<br/>{p.blueprint} {p.version}"{right}')
    edges = [f"  {numbers[p.application]} --> {numbers[name]}" for p in lock.packages for name in p.depends_on if name in numbers]
    return "\n".join(["flowchart LR", *nodes, *edges, ""])


def _rows(first: Sequence[GraphRow], following: Callable[[GraphRow], Sequence[GraphRow]]) -> list[GraphRow]:
    """Rows, each followed by those that hang on it; where one stands again, they are left out."""
    found: list[GraphRow] = []
    seen: set[str] = set()
    waiting = list(reversed(first))  # not by recursion: a chain may be longer than that can be deep
    while waiting and len(found) < MAX_GRAPH_ROWS:
        row = waiting.pop()
        more = following(row)
        again = bool(more) and row.package.application in seen
        seen.add(row.package.application)
        found.append(replace(row, again=again))
        if not again:
            waiting.extend(reversed(more))
    return found


def _dependencies(row: GraphRow, packages: Mapping[str, Package]) -> list[GraphRow]:
    found = []
    for name in row.package.depends_on:
        if (package := packages.get(name)) is not None:
            requirer = next((r for r in package.required_by if r.application == row.package.application), None)
            found.append(GraphRow(row.depth + 1, package, requirer))
    return found


def _dependents(row: GraphRow, packages: Mapping[str, Package]) -> list[GraphRow]:
    name = row.package.application
    by = [one for one in row.package.required_by if one.application != name]
    return [GraphRow(row.depth + 1, packages[one.application], one) for one in by if one.application in packages]
