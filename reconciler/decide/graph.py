"""The graph of a lock: who needs whom, and why something is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    seen: set[str] = set()
    return [row for root in roots for row in _below(Row(0, root), packages, seen)][:MAX_ROWS]


def why(lock: EnvironmentLock, application: str) -> list[Row]:
    """An Application, and below it whoever needs it, up to what people declared. Raises KeyError when it is not there."""
    packages = {p.application: p for p in lock.packages}
    return list(_above(Row(0, packages[application]), packages, set()))[:MAX_ROWS]


def mermaid(lock: EnvironmentLock) -> str:
    """The graph as Mermaid draws it, in Gitea's Markdown too."""
    numbers = {p.application: f"n{number}" for number, p in enumerate(lock.packages)}
    nodes = []
    for p in lock.packages:
        left, right = ("[", "]") if is_declared(p) else ("([", "])")
        nodes.append(f'  {numbers[p.application]}{left}"{p.application}<br/>{p.blueprint} {p.version}"{right}')
    edges = [f"  {numbers[p.application]} --> {numbers[name]}" for p in lock.packages for name in p.depends_on if name in numbers]
    return "\n".join(["flowchart LR", *nodes, *edges, ""])


def _below(row: Row, packages: Mapping[str, Package], seen: set[str]) -> Iterator[Row]:
    name = row.package.application
    if name in seen and row.package.depends_on:
        yield Row(row.depth, row.package, row.requirer, again=True)
        return
    seen.add(name)
    yield row
    for below in row.package.depends_on:
        if (package := packages.get(below)) is not None:
            requirer = next((r for r in package.required_by if r.application == name), None)
            yield from _below(Row(row.depth + 1, package, requirer), packages, seen)


def _above(row: Row, packages: Mapping[str, Package], seen: set[str]) -> Iterator[Row]:
    name = row.package.application
    if name in seen:
        yield Row(row.depth, row.package, row.requirer, again=True)
        return
    seen.add(name)
    yield row
    for one in row.package.required_by:
        if one.application != name and (package := packages.get(one.application)) is not None:
            yield from _above(Row(row.depth + 1, package, one), packages, seen)
