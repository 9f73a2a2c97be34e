"""One pass after another over an Environment in a real repository on disk; the Catalog and the clusters are in memory."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from reconciler.domain.blocker import Refused
from reconciler.model.errors import NotFoundError
from tests.support.environment_files import CLUSTER, environment, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import PREFIX, FakeCatalog, verified

if TYPE_CHECKING:
    from pathlib import Path

# A push, and what it leads to


def test_a_first_push_is_resolved_and_reported(stage: EnvironmentOnDisk) -> None:
    main = stage.push(files("shop"))
    outcome = stage.start().run(wait=1)
    assert (outcome.main, outcome.resolved, outcome.blocker) == (main, stage.head("resolved"), None)
    assert outcome.pushed == ("resolved", "status")
    folder = f"clusters/{CLUSTER}"
    assert stage.paths("resolved") == [f"{folder}/kustomization.yaml", f"{folder}/shop.yaml", "environment.lock.yaml"]
    assert stage.paths("status") == ["README.md", "status.yaml"]
    digest = hashlib.sha256((stage.show("resolved", "environment.lock.yaml") + "\n").encode()).hexdigest()
    head, trailers = stage.message("resolved").split("\n\nInput-Commit: ")
    assert head == "acme-prod: 1 of 1 Applications change\n\n+ shop: bp-shop 1.0.0"
    assert re.fullmatch(f"{main}\nInput-Digest: sha256:[0-9a-f]{{64}}\nLock-Digest: sha256:{digest}", trailers)
    resolved = stage.head("resolved")
    assert stage.message("status") == (
        f"acme-prod: Progressing 0/1 (waiting: shop)\n\nInput-Commit: {main}\nResolved-Commit: {resolved}"
    )
    assert (stage.status().input, stage.status().resolved) == (main, resolved)
    assert stage.fleet.asked_to_look == [(CLUSTER, "flux-system")]


@pytest.mark.parametrize("look", [True, False])
def test_a_hundred_passes_over_an_unchanged_world_change_nothing(stage: EnvironmentOnDisk, look: bool) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    before, asked = stage.everything(), stage.shelf.asked
    for _ in range(100):
        assert reconciliation.run(fetch=look).pushed == ()
    assert (stage.everything(), stage.shelf.asked) == (before, asked)


def test_after_a_restart_nothing_is_pushed_again(stage: EnvironmentOnDisk) -> None:
    stage.settle(files("blog", "shop"))
    before = stage.everything()
    for _ in range(3):
        assert stage.start().run().pushed == ()
    assert stage.everything() == before


def test_a_push_that_changes_no_application_makes_no_resolved_commit(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    main = stage.push(files("shop") | {"README.md": "words"})
    assert reconciliation.run().pushed == ("status",)
    assert stage.status().input == main


def test_a_repository_without_main_is_told_once_there_is_a_branch(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.start()
    outcome = reconciliation.run(wait=1)
    assert (outcome.main, outcome.pushed, stage.head("status")) == (None, (), None), "it would become the default branch"
    stage.push({"a": "1"}, "feature")
    outcome = reconciliation.run(wait=1)
    assert (outcome.main, outcome.resolved, outcome.pushed) == (None, None, ("status",))
    assert (condition_of(stage, "Valid"), condition_of(stage, "Ready")) == (
        ("Unknown", "Missing"),
        ("Unknown", "NothingObserved"),
    )
    assert "There is no `main`" in stage.show("status", "README.md")
    assert reconciliation.run(wait=1).pushed == ()


def test_a_removed_application_goes_from_lock_and_status(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    stage.push(files("shop"))
    reconciliation.run()
    assert [p.application for p in stage.lock().packages] == ["shop"]
    assert [a.name for a in stage.status().applications] == ["shop"]
    assert "- blog: bp-shop 1.0.0 is uninstalled" in stage.message("resolved")


def test_flux_that_cannot_be_asked_to_look_is_no_failure(stage: EnvironmentOnDisk) -> None:
    stage.fleet.refuses_to_look = NotFoundError("there is no kubeconfig")
    stage.push(files("shop"))
    assert stage.start().run(wait=1).pushed == ("resolved", "status")


def test_without_a_look_a_new_push_is_not_seen_but_what_runs_is(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    old = stage.status().input
    new = stage.push(files("blog", "shop"))
    stage.fleet.releases.clear()
    assert reconciliation.run(fetch=False).pushed == ("status",)
    assert (stage.status().input, stage.status().applications[0].placements[0].reason) == (old, "Removed")
    assert reconciliation.run().main == new


def test_the_first_pass_looks_in_any_case(stage: EnvironmentOnDisk) -> None:
    stage.push(files("shop"))
    assert stage.start().run(fetch=False).pushed == ("resolved", "status")


def test_two_environments_on_one_catalog_do_not_mix(tmp_path: Path) -> None:
    shelf = FakeCatalog(verified("bp-shop", "1.0.0", "bp-db"), verified("bp-db", "1.0.0"))
    one, two = EnvironmentOnDisk(tmp_path / "one", shelf=shelf), EnvironmentOnDisk(tmp_path / "two", shelf=shelf)
    one.settle(files("shop"))
    two.push(files("other"))
    two.start().run(wait=1)
    assert [p.application for p in one.lock().packages] == ["db", "shop"]
    assert [p.application for p in two.lock().packages] == ["db", "other"]
    assert two.lock().packages[0].artifact.startswith(f"oci://{PREFIX}/bp-db@")


def test_another_flux_namespace_uninstalls_everything_and_is_refused_until_environment_yaml_says_so(
    stage: EnvironmentOnDisk,
) -> None:
    reconciliation = stage.settle(files("blog", "shop"))
    before, resolved = stage.lock(), stage.head("resolved")
    moved = files("blog", "shop") | {"environment.yaml": environment() + "  fluxNamespace: flux-acme\n"}
    stage.push(moved)
    refusal = reconciliation.run(wait=1).blocker
    assert isinstance(refusal, Refused)
    assert [(problem.code, problem.file, problem.line) for problem in refusal.problems] == 2 * [
        ("Reinstall", "environment.yaml", 9)
    ]
    assert stage.head("resolved") == resolved

    confirmed = "".join(f"    {package.application}: {package.entry}\n" for package in before.packages)
    moved["environment.yaml"] += f"  reinstall:\n{confirmed}"
    stage.push(moved)
    assert reconciliation.run(wait=1).blocker is None
    assert "~ shop: bp-shop 1.0.0, uninstalled and installed anew (fluxNamespace flux-system -> flux-acme)" in stage.message(
        "resolved"
    )
    assert condition_of(stage, "Ready")[0] == "False", "what ran was of the other Namespace"
    stage.fleet.run_all(stage.lock())
    assert reconciliation.run(wait=1).pushed == ("status",)
    assert condition_of(stage, "Ready") == ("True", "AllReady")

    stage.push({**moved, "environment.yaml": moved["environment.yaml"].replace("flux-acme", "flux-system")})
    assert isinstance(reconciliation.run(wait=1).blocker, Refused), "the confirmation was used up"
