"""From a wish to one version of every Blueprint that it needs.

Rules: documents.md, "Dependencies"; see `needs` for who needs what, and `candidates` for what can be chosen and in which order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.decide.candidates import Candidates
from reconciler.decide.catalog import PassedOver
from reconciler.decide.conflict import Conflict
from reconciler.decide.improve import keep, raise_, went_back
from reconciler.decide.needs import Choice, Need, Needs, declared_need, unknown_binds
from reconciler.decide.search import Impossible, search
from reconciler.decide.versions import fits, older

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from reconciler.decide.catalog import Catalog
    from reconciler.decide.validate import Wish
    from reconciler.model.lock import Package
    from reconciler.model.problem import Problem


@dataclass(frozen=True)
class Resolution:
    """A consistent choice for every Application.

    Attributes:
        choices: what each Application is to be.
        needs: every demand on each Application, sorted.
        edges: each Application's direct dependencies by name, sorted.
        warnings: what is to be known of it, such as newer versions that were passed over.
    """

    choices: Mapping[str, Choice]
    needs: Mapping[str, tuple[Need, ...]]
    edges: Mapping[str, tuple[str, ...]]
    warnings: tuple[Problem, ...] = ()


def resolve(
    wish: Wish,
    prior: Mapping[str, Package],
    catalog: Catalog,
    free: Collection[str] = (),
    kept: Mapping[str, Package] | None = None,
) -> tuple[Resolution | None, tuple[Problem, ...]]:
    """Choose a version of everything.

    Args:
        wish: what people want.
        prior: the last lock's packages by Application; empty at first.
        catalog: what can be installed. Its Faults pass through.
        free: Applications that may leave their locked version, since somebody asked to move them within their ranges.
        kept: the packages that stay where they can, since people reviewed them, by Application; None for the last lock's.

    Returns:
        The resolution, or None with the problems.
    """
    installed = Candidates(wish, prior, catalog, Needs(wish, prior), free)
    candidates = installed if kept is None else Candidates(wish, kept, catalog, Needs(wish, {**prior, **kept}), free, prior)
    roots = [declared_need(one) for _, one in sorted(wish.declared.items())]
    conflict = Conflict(wish, candidates, catalog)
    hopeless = [problem for need in roots if (problem := conflict.hopeless(need)) is not None]
    if hopeless:
        return None, tuple(hopeless)
    try:
        found = search(roots, candidates)
    except Impossible as impossible:
        return None, conflict.told(roots, impossible)
    if lost := [choice for choice in found.values() if choice.lost]:
        return None, tuple(conflict.lost(choice) for choice in lost)
    found = keep(found, roots, candidates, free)
    if went_back(found, candidates, _needs(found, roots, candidates)):
        found = raise_(found, roots, candidates, free)
    needs = _needs(found, roots, candidates)
    edges = {name: tuple(sorted({n.application for n in candidates.needs.of(one)})) for name, one in found.items()}
    resolution = Resolution(found, needs, edges, tuple(_warnings(wish, found, needs, installed)))
    problems = tuple(_unknown_binds(wish, found))
    return (None, problems) if problems else (resolution, ())


def _needs(found: Mapping[str, Choice], roots: list[Need], candidates: Candidates) -> dict[str, tuple[Need, ...]]:
    needs: dict[str, list[Need]] = {name: [] for name in found}
    for need in (*roots, *(n for choice in found.values() for n in candidates.needs.of(choice))):
        needs[need.application].append(need)
    return {name: tuple(sorted(ns, key=lambda n: (n.requirer, n.written, n.range))) for name, ns in needs.items()}


def _warnings(
    wish: Wish, found: Mapping[str, Choice], needs: Mapping[str, tuple[Need, ...]], candidates: Candidates
) -> Iterator[Problem]:
    """Newer versions in range that were passed over, and upgrades that leave the way their Blueprint names."""
    for name, choice in found.items():
        past = candidates.prior.get(name)
        moved = past is not None and past.blueprint == choice.blueprint and past.version != choice.version
        source = wish.declared[choice.chain[0]].source
        way = ("spec", "blueprint")
        if past is None or moved:
            over = [o for o in _newer(choice, needs[name], candidates) if o.code != "Downgrade"]
            for words in choice.verified.warnings:
                message = f"{choice.blueprint} {choice.version}: {words}"
                yield source.problem("OddBlueprint", message, way).model_copy(update={"severity": "warning"})
            for one in over:
                message = f"{choice.blueprint} {one.version} is passed over for {choice.version}: {one.reason}"
                yield source.problem("PassedOver", message, way).model_copy(update={"severity": "warning"})
        usual = choice.verified.blueprint.spec.upgrades.from_
        if past is not None and moved and usual and not any(fits(past.version, r) for r in usual):
            message = f"{name} goes from {past.version} to {choice.version}, which is made for upgrades from {', '.join(usual)}"
            yield source.problem("UnusualUpgrade", message, way).model_copy(update={"severity": "warning"})


def _newer(choice: Choice, needs: tuple[Need, ...], candidates: Candidates) -> Iterator[PassedOver]:
    for one in candidates.tried(needs):
        if isinstance(one, PassedOver) and older(choice.version, one.version):
            yield one
        elif isinstance(one, Choice) and one.version == choice.version:
            return


def _unknown_binds(wish: Wish, found: Mapping[str, Choice]) -> Iterator[Problem]:
    for one, key, verified in unknown_binds(wish, found):
        keys = sorted({dependency.key for dependency in verified.blueprint.spec.depends})
        message = f"{verified.blueprint.name} has no dependency {key}; it has {', '.join(keys) or 'none'}"
        yield one.source.problem("UnknownDependency", message, ("spec", "bind", key))
