"""Renders the dependency graph of a lock: the dependencies of each package, and the requirements that explain it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.lock import EnvironmentLock, Package, Requirer

MAX_GRAPH_ROWS: Final = 10_000
"""Rows of one tree. A graph with many shared dependencies has more paths than anyone reads."""


@dataclass(frozen=True)
class GraphRow:
    """A row of a tree.

    Attributes:
        depth: the distance from the root, whose depth is 0.
        package: the package that the row shows.
        requirer: in `tree`, the requirement of the row above on this one; in `why`, that of this row on the one above; None for
            a root.
        again: whether the rows below it are left out because an earlier row of the same package has them.
    """

    depth: int
    package: Package
    requirer: Requirer | None = None
    again: bool = False


def is_declared(package: Package) -> bool:
    """Returns whether a document declares the Application, rather than only the dependency of a Blueprint."""
    return any(requirer.application == package.application for requirer in package.required_by)


def tree(lock: EnvironmentLock) -> list[GraphRow]:
    """Returns each Application that no other one requires, followed by all its dependencies.

    The dependencies of an Application that occurs several times are listed at its first row only.
    """
    packages = {package.application: package for package in lock.packages}
    required = {name for package in lock.packages for name in package.depends_on}
    roots = [package for package in lock.packages if package.application not in required]
    return _rows([GraphRow(0, root) for root in roots], lambda row: _dependencies(row, packages))


def why(lock: EnvironmentLock, application: str) -> list[GraphRow]:
    """Returns an Application, followed by its dependents up to the declared Applications.

    Raises KeyError when the lock does not contain it.
    """
    packages = {package.application: package for package in lock.packages}
    return _rows([GraphRow(0, packages[application])], lambda row: _dependents(row, packages))


def mermaid(lock: EnvironmentLock) -> str:
    """Returns the graph as a Mermaid flowchart, which Gitea's Markdown renders too."""
    node_ids = {package.application: f"n{number}" for number, package in enumerate(lock.packages)}
    nodes = []
    for package in lock.packages:
        opening, closing = ("[", "]") if is_declared(package) else ("([", "])")
        label = f"{package.application}<br/>{package.blueprint} {package.version}"
        nodes.append(f'  {node_ids[package.application]}{opening}"{label}"{closing}')
    edges = [
        f"  {node_ids[package.application]} --> {node_ids[name]}"
        for package in lock.packages
        for name in package.depends_on
        if name in node_ids
    ]
    return "\n".join(["flowchart LR", *nodes, *edges, ""])


def _rows(roots: Sequence[GraphRow], children_of: Callable[[GraphRow], Sequence[GraphRow]]) -> list[GraphRow]:
    """Returns the rows in depth-first order, each followed by its children unless an earlier row of its package has them."""
    rows: list[GraphRow] = []
    expanded: set[str] = set()
    stack = list(reversed(roots))  # not recursive: a chain of dependencies may exceed the recursion limit
    while stack and len(rows) < MAX_GRAPH_ROWS:
        row = stack.pop()
        children = children_of(row)
        again = bool(children) and row.package.application in expanded
        expanded.add(row.package.application)
        rows.append(replace(row, again=again))
        if not again:
            stack.extend(reversed(children))
    return rows


def _dependencies(row: GraphRow, packages: Mapping[str, Package]) -> list[GraphRow]:
    """Returns a row for each dependency of a row's package that the lock contains."""
    rows = []
    for name in row.package.depends_on:
        if (package := packages.get(name)) is not None:
            requirer = next((r for r in package.required_by if r.application == row.package.application), None)
            rows.append(GraphRow(row.depth + 1, package, requirer))
    return rows


def _dependents(row: GraphRow, packages: Mapping[str, Package]) -> list[GraphRow]:
    """Returns a row for each other Application of the lock that requires a row's package."""
    name = row.package.application
    requirers = [requirer for requirer in row.package.required_by if requirer.application != name]
    return [
        GraphRow(row.depth + 1, packages[requirer.application], requirer)
        for requirer in requirers
        if requirer.application in packages
    ]
