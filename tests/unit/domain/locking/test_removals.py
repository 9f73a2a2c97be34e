"""What a lock removes: nothing of ours on a cluster is ever forgotten, and nothing wanted is ever removed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.locking.removals import settled, suspended_removals, with_removals, without
from reconciler.domain.rendering.flux_objects import RenderContext, render, replace_removals
from reconciler.formats.yaml.documents import dump
from tests.support.builders import lock_of, package

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.lock import EnvironmentLock, ReleaseKey

CLUSTERS = ["hz-fsn-rtz-prod-acme", "hz-hel-rtz-prod-acme", "hz-nbg-rtz-prod-acme"]
CONTEXT = RenderContext(sovereign="test", keys={})

PLACED = st.dictionaries(st.sampled_from(["blog", "db", "shop"]), st.sets(st.sampled_from(CLUSTERS), min_size=1))
NAMESPACES = st.sampled_from(["flux-system", "flux"])


@st.composite
def locks(draw: st.DrawFn) -> EnvironmentLock:
    """A lock as `main` alone would have it."""
    placed = draw(PLACED)
    placements = sorted({cluster for clusters in placed.values() for cluster in clusters})
    packages = [package(name, placements=sorted(clusters)) for name, clusters in sorted(placed.items())]
    return lock_of(*packages).model_copy(update={"placements": placements, "flux_namespace": draw(NAMESPACES)})


def releases(lock: EnvironmentLock) -> set[ReleaseKey]:
    return {(cluster, lock.flux_namespace, p.object_name) for p in lock.packages for cluster in p.placements}


def removed(lock: EnvironmentLock) -> list[ReleaseKey]:
    return [key for removal in lock.removing for key in sorted(removal.releases)]


def files(lock: EnvironmentLock) -> Mapping[str, bytes]:
    return {path: dump(*documents) for path, documents in render(lock, CONTEXT).items()}


@given(st.lists(locks(), min_size=2, max_size=6))
def test_everything_that_was_locked_is_wanted_or_removed_once(history: list[EnvironmentLock]) -> None:
    lock, installed = history[0], releases(history[0])
    for wanted in history[1:]:
        lock = with_removals(lock, wanted)
        installed |= releases(wanted)
        assert sorted(removed(lock)) == sorted(installed - releases(wanted))
        assert with_removals(lock, wanted) == lock, "the same documents decide the same"
        left = {cluster for cluster, *_ in installed} - set(lock.placements or ())
        assert left <= set(lock.former_placements)
        assert not set(lock.former_placements) & set(lock.placements or ())


@given(locks(), locks())
def test_what_is_rendered_keeps_each_namespace_and_no_release(prior: EnvironmentLock, wanted: EnvironmentLock) -> None:
    lock = with_removals(prior, wanted)
    rendered = render(lock, CONTEXT)
    kept = {
        (path.split("/")[1], document["metadata"]["name"])
        for path, documents in rendered.items()
        for document in documents
        if document["kind"] == "Namespace"
    }
    assert kept == {(c, p.namespace) for p in (*prior.packages, *wanted.packages) for c in p.placements}
    objects = [d for path, documents in rendered.items() for d in documents if d["kind"] in {"HelmRelease", "OCIRepository"}]
    assert len(objects) == 2 * len(releases(wanted))
    for path, (kustomization, *_) in rendered.items():
        if path.endswith("kustomization.yaml"):
            folder = path.removesuffix("kustomization.yaml")
            assert sorted(folder + name for name in kustomization["resources"]) == sorted(
                other for other in rendered if other.startswith(folder) and other != path
            )


@given(locks(), locks())
def test_the_end_of_a_removal_is_what_would_be_rendered_without_it(prior: EnvironmentLock, wanted: EnvironmentLock) -> None:
    lock = with_removals(prior, wanted)
    for end in (without(lock, lock.removing[:1]), without(lock, lock.removing), settled(lock)):
        assert replace_removals(files(lock), end) == files(end)


def test_the_end_of_as_many_removals_as_there_may_be_costs_no_time() -> None:
    applications = 5000
    prior = lock_of(*(package(f"app-{number}", placements=CLUSTERS[:1]) for number in range(applications)))
    lock = with_removals(prior, lock_of())
    started = time.process_time()
    assert len(without(lock, lock.removing[::2]).removing) == applications // 2
    assert without(lock, lock.removing).removing == []
    assert time.process_time() - started < 1.0  # pairwise it takes half a minute


def test_what_is_suspended_is_not_removed_from_anywhere() -> None:
    both = lock_of(package("db", placements=CLUSTERS[:2], suspend=True), package("shop", placements=CLUSTERS[:1]))
    narrowed = lock_of(package("db", placements=CLUSTERS[:1], suspend=True))
    ((name, message, hint),) = suspended_removals(both, narrowed)
    assert (name, CLUSTERS[1] in message, "take `suspend` away" in hint) == ("db", True, True)
    assert [name for name, *_ in suspended_removals(both, lock_of())] == ["db"]
    assert not [*suspended_removals(None, narrowed)]
    assert not [*suspended_removals(narrowed, both)]
