"""Two Environments that would install into one Namespace: the first to hold it keeps it, also after a restart."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.domain.blocker import Refused, problems_of
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.errors import UnavailableError
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.planning.namespace_claims import NamespaceRegistry, cluster_namespaces
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.builders import FSN, NBG, lock_of, package
from tests.support.environment_files import CLUSTER, application, environment, files, passes
from tests.support.environments import AROUND, EnvironmentOnDisk

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.lock import ClusterNamespace, EnvironmentLock
    from reconciler.services.environment_pass import EnvironmentPass

PROD = EnvironmentIdentity("acme-prod")


def claims(*repositories: str, identity: EnvironmentIdentity = PROD) -> NamespaceRegistry:
    one = NamespaceRegistry()
    one.set_known_environments(dict.fromkeys(repositories, identity))
    return one


def lock(*names: str, flux: str = "flux-system") -> EnvironmentLock:
    return lock_of(*(package(name) for name in names)).model_copy(update={"flux_namespace": flux})


def test_a_lock_needs_the_namespaces_of_its_applications_and_that_of_flux() -> None:
    two = lock_of(package("web", placements=[FSN, NBG]), package("db"))
    assert cluster_namespaces(two) == {(FSN, "web"), (NBG, "web"), (FSN, "db"), (FSN, "flux-system"), (NBG, "flux-system")}
    assert cluster_namespaces(None) == cluster_namespaces(lock_of()) == frozenset()


def test_the_first_to_hold_keeps_it_and_the_second_is_told_whose_it_is() -> None:
    both = claims("a", "b")
    both.of("b").record(lock("web"))
    both.of("a").record(None)
    assert both.of("a").acquire(lock("web", "db", flux="other")) == {(FSN, "web"): "b"}
    assert both.of("a").acquire(lock("db", flux="other")) == {}


def test_what_was_asked_for_and_is_not_pushed_yet_is_held_too() -> None:
    both = claims("a", "b")
    both.of("a").record(None)
    both.of("b").record(None)
    assert both.of("b").acquire(lock("web")) == {}
    assert both.of("a").acquire(lock("web")) == {(FSN, "flux-system"): "b", (FSN, "web"): "b"}


def test_a_refused_one_holds_nothing_of_what_it_asked_for() -> None:
    both = claims("a", "b")
    both.of("a").record(lock("web"))
    both.of("b").record(None)
    assert both.of("b").acquire(lock("web", "db", flux="other"))
    assert both.of("a").acquire(lock("web", "db")) == {}


def test_after_a_restart_a_newcomer_waits_until_the_other_was_read() -> None:
    both = claims("a", "b")
    both.of("a").record(None)
    with pytest.raises(UnavailableError, match="b is the same Environment and was not read yet"):
        both.of("a").acquire(lock("web"))
    both.of("b").record(lock("web"))
    assert both.of("a").acquire(lock("web"))
    assert both.of("b").acquire(lock("web")) == {}


def test_what_one_has_already_it_keeps_without_waiting_for_anybody() -> None:
    both = claims("a", "b")
    both.of("b").record(lock("web", "db"))
    assert both.of("b").acquire(lock("web")) == {}


def test_nobody_waits_for_an_environment_of_another_name() -> None:
    one = NamespaceRegistry()
    one.set_known_environments({"a": PROD, "b": EnvironmentIdentity("acme-stg")})
    one.of("a").record(None)
    assert one.of("a").acquire(lock("web")) == {}


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_two_that_have_the_same_since_long_the_first_by_name_keeps_it(first: str) -> None:
    both = claims("a", "b")
    for one in (first, "b" if first == "a" else "a"):
        both.of(one).record(lock("web"))
    assert both.of("b").acquire(lock("web")) == {(FSN, "flux-system"): "a", (FSN, "web"): "a"}
    assert both.of("a").acquire(lock("web")) == {}


def test_what_an_environment_held_that_is_gone_is_free_again() -> None:
    both = claims("a", "b")
    both.of("a").record(None)
    both.of("b").record(lock("web"))
    both.set_known_environments({"a": PROD})
    assert both.of("a").acquire(lock("web")) == {}
    both.of("b").record(lock("web"))  # a pass that was under way
    assert both.of("b").acquire(lock("web")) == {}
    assert both.of("a").acquire(lock("web")) == {}


def test_a_repository_that_plays_another_organizations_environment_keeps_nothing_from_it() -> None:
    one = NamespaceRegistry()
    one.set_known_environments(
        {"acme/acme-prod": EnvironmentIdentity("acme-prod", "acme"), "evil/acme-prod": EnvironmentIdentity("acme-prod", "evil")}
    )
    one.of("evil/acme-prod").record(lock("web"))
    one.of("acme/acme-prod").record(None)
    assert one.of("acme/acme-prod").acquire(lock("web")) == {}


def test_of_many_that_ask_at_once_one_gets_it() -> None:
    names = [f"env-{number}" for number in range(16)]
    many = claims(*names)
    for name in names:
        many.of(name).record(None)
    barrier = threading.Barrier(len(names))
    taken: dict[str, dict[ClusterNamespace, str]] = {}

    def ask(name: str) -> None:
        barrier.wait()
        taken[name] = dict(many.of(name).acquire(lock("web")))

    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (name for name, found in taken.items() if not found)
    assert {who for found in taken.values() for who in found.values()} == {winner}


# In passes


def pair(tmp_path: Path) -> tuple[EnvironmentOnDisk, EnvironmentOnDisk]:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    return EnvironmentOnDisk(tmp_path / "one"), EnvironmentOnDisk(tmp_path / "two")


def start(stage: EnvironmentOnDisk, every: NamespaceRegistry, label: str) -> EnvironmentPass:
    """As `Stage.start`, with others in the same process."""
    stage.starts += 1
    world = ReconcileContext(stage.shelf, stage.fleet, stage.policies, lambda _: AROUND, retry=0.0, coalesce=0.0)
    return passes(PROD, EnvironmentBranches(Repository(stage.clone, stage.origin.as_uri())), world, claim=every.of(label))


def test_the_second_repository_of_one_environment_is_refused_at_its_line(tmp_path: Path) -> None:
    one, two = pair(tmp_path)
    one.push(files("shop"))
    two.push({"environment.yaml": environment(), "applications/shop.yaml": application("shop")})
    every = claims("acme/one", "acme/two")
    first, second = start(one, every, "acme/one"), start(two, every, "acme/two")
    early = first.run(wait=1)
    assert early.blocker is not None
    assert (isinstance(early.blocker, Refused), early.blocker.reason) == (False, "Unavailable")
    late = second.run(wait=1)  # it reads, and asks for what nobody has: the first one's attempt failed
    assert (late.blocker, late.pushed) == (None, ("resolved", "status"))
    refused = first.run(wait=1).blocker
    assert refused is not None
    assert [(p.code, p.place, p.message) for p in problems_of(refused)] == [
        ("Taken", "applications/shop.yaml:3:18", f"the Namespace shop on {CLUSTER} is held by acme/two"),
        ("Taken", "environment.yaml:4:1", f"the Namespace flux-system on {CLUSTER} is held by acme/two"),
    ]
    assert one.head("resolved") is None


def test_what_is_resolved_wins_after_a_restart_whoever_comes_first(tmp_path: Path) -> None:
    one, two = pair(tmp_path)
    two.push(files("shop"))
    start(two, claims("acme/two"), "acme/two").run(wait=1)
    one.push(files("shop"))
    every = claims("acme/one", "acme/two")
    newcomer, old = start(one, every, "acme/one"), start(two, every, "acme/two")
    newcomer.run(wait=1)
    assert old.run(wait=1).blocker is None
    refused = newcomer.run(wait=1).blocker
    assert refused is not None
    assert refused.reason == "Taken"


def test_it_is_accepted_once_the_other_lets_go(tmp_path: Path) -> None:
    one, two = pair(tmp_path)
    one.push(files("shop"))
    two.push(files("shop", "blog"))
    every = claims("acme/one", "acme/two")
    first, second = start(one, every, "acme/one"), start(two, every, "acme/two")
    second_blocker = second.run(wait=1).blocker
    assert second_blocker is not None
    first.run(wait=1)
    assert second.run(wait=1).blocker is not None
    one.fleet.run_all(one.lock())
    one.push(files())
    first.run(wait=1)
    assert second.run(wait=1).blocker is not None, "it is being uninstalled"
    one.fleet.releases.clear()
    first.run(wait=1)
    assert second.run(wait=1).blocker is None
