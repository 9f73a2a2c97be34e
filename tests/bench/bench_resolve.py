"""How fast resolving is. By hand: python3 deploy/sandbox python tests/bench/bench_resolve.py [FILE of a dependency graph]

Goals: the real bootstrap graph (name -> what it depends on) resolves in <= 2x of resolvelib on the bare graph; 1,000 Blueprints
in 20 versions each, 10 deep, in < 1 s; the same with a conflict at the bottom, told in <= 3 s.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resolvelib import AbstractProvider, BaseReporter, Resolver

from reconciler.domain.resolution.resolver import resolve
from reconciler.formats.yaml.documents import load
from tests.support.builders import BlueprintCatalog, application, blueprint, need, wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.model.blueprint import Blueprint

WIDTH, DEPTH, VERSIONS = 100, 10, 20


class Bare(AbstractProvider[str, str, str]):
    """A graph of names, and nothing else."""

    def __init__(self, graph: Mapping[str, Iterable[str]]) -> None:
        self._graph = graph

    def identify(self, requirement_or_candidate: str) -> str:
        return requirement_or_candidate

    def get_preference(self, identifier: str, *_: Any, **__: Any) -> str:
        return identifier

    def find_matches(self, identifier: str, requirements: Any, incompatibilities: Any) -> list[str]:
        del requirements, incompatibilities
        return [identifier]

    def is_satisfied_by(self, requirement: str, candidate: str) -> bool:
        return requirement == candidate

    def get_dependencies(self, candidate: str) -> Iterable[str]:
        return self._graph[candidate]


def best(call: Callable[[], object], times: int = 5) -> float:
    """The least of several times, in seconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return min(took)


def made_up() -> dict[str, list[str]]:
    """A graph about as the real one: 50 names, each needing up to four of those before it."""
    dice, graph = random.Random(7), dict[str, list[str]]()  # noqa: S311 - an example
    for number in range(50):
        graph[f"n{number:02}"] = sorted(dice.sample(sorted(graph), min(len(graph), dice.randrange(5))))
    return graph


def layered(dice: random.Random, bottom: str = "*") -> list[Blueprint]:
    """Blueprints in layers; each version needs three of the next layer, in ranges that some of theirs are in."""
    found = []
    for layer in range(DEPTH):
        for number in range(WIDTH):
            below = [f"l{layer + 1}-{(number + step) % WIDTH}" for step in (0, 1, 7)] if layer + 1 < DEPTH else []
            for version in range(VERSIONS):
                depends = [need(name, f">=1.{dice.randrange(VERSIONS // 2)}.0 <2") for name in below]
                if bottom != "*" and below and layer + 2 == DEPTH and number in {0, 1}:
                    depends[0 if number == 1 else 1] = need(below[0 if number == 1 else 1], bottom if number else "1.2.0")
                found.append(blueprint(f"l{layer}-{number}", f"1.{version}.0", depends=depends))
    return found


def real(graph: Mapping[str, list[str]]) -> None:
    """Resolve a graph of single versions, and let resolvelib do the same with the bare names."""
    shelf = BlueprintCatalog(*(blueprint(name, depends=[f"bp-{d}" for d in below]) for name, below in graph.items()))
    wanted = wish(*(application(name) for name in graph))
    assert resolve(wanted, {}, shelf)[0] is not None
    ours = best(lambda: resolve(wanted, {}, shelf), 20)
    bare = best(lambda: Resolver(Bare(graph), BaseReporter()).resolve(sorted(graph)), 20)
    ratio = ours / bare
    print(
        f"{len(graph)} nodes  {ours * 1000:.2f} ms, bare {bare * 1000:.2f} ms   ratio {ratio:.2f}   goal <= 2   {met(ratio <= 2)}"
    )


def met(good: bool) -> str:
    return "met" if good else "MISSED"


def main(files: list[str]) -> None:
    """Print all figures."""
    graph = made_up()
    if files:
        listed = load(Path(files[0]).read_bytes(), files[0]).data
        graph = read(listed)
    real(graph)
    tops = [application(f"l0-{number}") for number in range(WIDTH)]
    shelf = BlueprintCatalog(*layered(random.Random(3)))  # noqa: S311 - an example
    wanted = wish(*tops)
    found, problems = resolve(wanted, {}, shelf)
    assert found is not None, problems
    took = best(lambda: resolve(wanted, {}, shelf), 3)
    print(f"{len(found.choices)} Applications x {VERSIONS} versions, {DEPTH} deep  {took:.2f} s   goal < 1 s   {met(took < 1)}")
    shelf = BlueprintCatalog(*layered(random.Random(3), bottom="1.1.0"))  # noqa: S311 - an example
    began = time.perf_counter()
    found, problems = resolve(wanted, {}, shelf)
    took = time.perf_counter() - began
    print(f"the same with a conflict: {'none' if found else problems[0]}  {took:.2f} s   goal <= 3 s   {met(took <= 3)}")


def read(listed: Any) -> dict[str, list[str]]:
    """Names and what they depend on, of a file with `slots` that have a `name` and a list `depends_on`."""
    return {short(slot["name"]): sorted(map(short, slot["depends_on"])) for slot in listed["slots"]}


def short(name: str) -> str:
    return name.removeprefix("bp-")


if __name__ == "__main__":
    main(sys.argv[1:])
