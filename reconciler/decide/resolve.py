"""From a wish to one version of every Blueprint that it needs, by resolvelib's backtracking.

Rules (documents.md, "Dependencies"): a dependency without values is shared, one Application per Environment; with values it is
dedicated; `bind` overrides both. The prior lock's version is tried first, so nothing moves that nobody asked to move; then the
newest. A version that may not be used (no signature holds) is no candidate, and the refusal says what was passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resolvelib import BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver

from reconciler.decide.provider import Choice, Need, Provider
from reconciler.model.blueprint import blueprint_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.decide.catalog import Catalog
    from reconciler.decide.validate import Declared, Wish
    from reconciler.model.lock import Package
    from reconciler.model.problem import Problem

MAX_ROUNDS = 20_000


@dataclass(frozen=True)
class Resolution:
    """A consistent choice for every Application.

    Attributes:
        choices: what each Application is to be.
        needs: every demand on each Application, sorted.
        edges: each Application's direct dependencies by name, sorted.
    """

    choices: Mapping[str, Choice]
    needs: Mapping[str, tuple[Need, ...]]
    edges: Mapping[str, tuple[str, ...]]


def resolve(wish: Wish, prior: Mapping[str, Package], catalog: Catalog) -> tuple[Resolution | None, tuple[Problem, ...]]:
    """Choose a version of everything.

    Args:
        wish: what people want.
        prior: the last lock's packages by Application; empty at first.
        catalog: what can be installed. Its Faults pass through.

    Returns:
        The resolution, or None with the problems.
    """
    provider = Provider(wish, prior, catalog)
    roots = [_declared_need(one) for _, one in sorted(wish.declared.items())]
    hopeless = [problem for need in roots if (problem := provider.hopeless(need)) is not None]
    if hopeless:
        return None, tuple(hopeless)
    try:
        result = Resolver(provider, BaseReporter()).resolve(roots, max_rounds=MAX_ROUNDS)
    except ResolutionImpossible as impossible:
        return None, provider.conflict([cause.requirement for cause in impossible.causes])
    except ResolutionTooDeep:
        source = next(iter(wish.declared.values())).source
        hint = "narrow the ranges, or split the Environment"
        return None, (source.problem("TooDeep", "no consistent choice was found in the steps that are allowed", hint=hint),)
    choices = dict(sorted(result.mapping.items()))
    resolution = _resolution(provider, roots, choices)
    problems = (*_cycles(wish, resolution), *_unknown_binds(wish, resolution))
    return (None, problems) if problems else (resolution, ())


def _declared_need(one: Declared) -> Need:
    wish = one.application.spec.blueprint
    return Need(
        application=one.name,
        blueprint=blueprint_name(wish.name),
        range=wish.version,
        requirer=one.name,
        written=one.source.file,
        chain=(one.name,),
        catalog=wish.catalog,
    )


def _resolution(provider: Provider, roots: list[Need], choices: Mapping[str, Choice]) -> Resolution:
    needs: dict[str, list[Need]] = {name: [] for name in choices}
    for root in roots:
        needs[root.application].append(root)
    edges: dict[str, tuple[str, ...]] = {}
    for name, choice in choices.items():
        own = provider.get_dependencies(choice)
        for need in own:
            needs[need.application].append(need)
        edges[name] = tuple(sorted({need.application for need in own}))
    ordered = {name: tuple(sorted(ns, key=lambda n: (n.requirer, n.written, n.range))) for name, ns in needs.items()}
    return Resolution(choices=choices, needs=ordered, edges=edges)


def _cycles(wish: Wish, resolution: Resolution) -> Iterator[Problem]:
    """The first cycle found, named whole: Flux would wait for ever on it."""
    done: set[str] = set()
    for start in resolution.edges:
        path: list[str] = []
        stack = [(start, iter(resolution.edges[start]))] if start not in done else []
        path.extend(name for name, _ in stack)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                done.add(name)
            elif following in path:
                cycle = [*path[path.index(following) :], following]
                source = wish.declared[resolution.choices[following].chain[0]].source
                yield source.problem("Cycle", f"these Applications need each other in a circle: {' -> '.join(cycle)}")
                return
            elif following not in done:
                stack.append((following, iter(resolution.edges[following])))
                path.append(following)


def _unknown_binds(wish: Wish, resolution: Resolution) -> Iterator[Problem]:
    for name, one in wish.declared.items():
        blueprint = resolution.choices[name].verified.blueprint
        keys = {dependency.key for dependency in blueprint.spec.depends}
        for key in one.application.spec.bind:
            if key not in keys:
                known = f"it has {', '.join(sorted(keys))}" if keys else "it has none"
                yield one.source.problem(
                    "UnknownDependency", f"{blueprint.name} has no dependency {key}; {known}", ("spec", "bind", key)
                )
