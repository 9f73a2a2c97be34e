"""What runs is told in every pass, whatever becomes of `main`: in the status, on the commit at fault, and with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.services.forge.commit_status_publisher import CommitStatusPublisher
from tests.support.environment_files import application, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import FakeCatalog, FakeCommitStatusForge, verified
from tests.support.fault_injection import Panic
from tests.support.git_server import GitServer
from tests.support.odd_commits import NO_FILES, ODD_COMMITS, large_file, odd_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reconciler.services.environment_pass import EnvironmentPass

REPOSITORY = "acme/acme-prod"


@pytest.fixture
def told(tmp_path: Path, wall: FakeCommitStatusForge) -> Iterator[EnvironmentOnDisk]:
    """An Environment on a server, with a forge."""
    stage = EnvironmentOnDisk(tmp_path, notices=CommitStatusPublisher(wall, REPOSITORY))
    with GitServer(stage.origin.parent).running() as server:
        stage.url = f"{server.url}/{stage.origin.name}"
        yield stage


def fails_meanwhile(stage: EnvironmentOnDisk, reconciliation: EnvironmentPass) -> None:
    """Everything that ran is gone; it is fetched, observed, and fetched again, as after a restart."""
    assert condition_of(stage, "Ready")[0] == "True"
    stage.fleet.releases.clear()
    for fetch in (True, False, True):
        reconciliation.run(fetch=fetch)
    assert condition_of(stage, "Ready") == ("False", "Degraded")
    before = stage.everything()
    for running in (reconciliation, stage.start()):
        running.run(wait=1)
        assert stage.everything() == before, "it is told once"


def posted(wall: FakeCommitStatusForge, commit: str) -> Mapping[str, tuple[str, str]]:
    return wall.statuses(REPOSITORY, commit)


# a server does not take a commit without a tree in a push
@pytest.mark.parametrize("kind", [kind for kind in ODD_COMMITS if kind != "no tree"])
def test_an_odd_commit_on_main_keeps_nothing_back(told: EnvironmentOnDisk, wall: FakeCommitStatusForge, kind: str) -> None:
    reconciliation = told.settle(files("shop"))
    odd = odd_commit(told.origin, "main", kind)
    fails_meanwhile(told, reconciliation)
    assert told.status().input == odd
    if kind in NO_FILES:
        assert condition_of(told, "Valid")[0] != "True"
        assert posted(wall, odd)["catalyst/resolved"][0] != "success"
    else:
        assert condition_of(told, "Valid") == ("True", "Validated")
    assert posted(wall, odd)["catalyst/ready"][0] != "success"


def test_a_file_over_the_limit_on_main_is_named_and_keeps_nothing_back(
    told: EnvironmentOnDisk, wall: FakeCommitStatusForge
) -> None:
    told.max_fetch = 2 << 20
    reconciliation = told.settle(files("shop"))
    big = large_file(told.origin, "main", 3 << 20)
    fails_meanwhile(told, reconciliation)
    condition = told.status().condition("Valid")
    assert (condition.status, condition.reason) == ("Unknown", "TooLarge")
    assert "2 MiB (2097152 bytes)" in condition.message
    state, description = posted(wall, big)["catalyst/resolved"]
    assert (state, description[:18]) == ("pending", "TooLarge: fetching")
    assert posted(wall, big)["catalyst/ready"] == (
        "pending",
        "this commit is not resolved yet; what runs is of an earlier one",
    )
    told.push(files("shop"))
    reconciliation.run()
    assert condition_of(told, "Valid") == ("True", "Validated"), "another head is fetched at once"


def test_a_file_over_the_limit_is_not_fetched_at_every_pass(told: EnvironmentOnDisk) -> None:
    told.max_fetch = 2 << 20
    reconciliation = told.settle(files("shop"))
    large_file(told.origin, "main", 3 << 20)
    with GitServer(told.origin.parent).running() as server:
        told.url = f"{server.url}/{told.origin.name}"
        reconciliation = told.start()
        reconciliation.run(wait=1)
        server.requests.clear()
        for _ in range(5):
            reconciliation.run()
        assert not [request for request in server.requests if "git-upload-pack" in request and request.startswith("POST")]


@pytest.mark.parametrize("restart", [False, True])
def test_a_main_that_is_deleted_is_told_also_on_its_last_commit(
    told: EnvironmentOnDisk, wall: FakeCommitStatusForge, restart: bool
) -> None:
    reconciliation = told.settle(files("shop"))
    last = told.head("main")
    assert last is not None
    told.git("update-ref", "-d", "refs/heads/main")
    fails_meanwhile(told, told.start() if restart else reconciliation)
    assert (condition_of(told, "Valid"), told.status().input) == (("Unknown", "Missing"), last)
    assert "has no branch main" in told.status().condition("Valid").message
    assert {state for state, _ in posted(wall, last).values()} == {"pending"}
    told.git("update-ref", "refs/heads/main", last)
    reconciliation.run()
    assert condition_of(told, "Valid") == ("True", "Validated")


class BuggyCatalog(FakeCatalog):
    """A Catalog with a defect in one Blueprint."""

    surprise: BaseException = ZeroDivisionError()

    def find(self, name: str) -> Mapping[str, tuple[str, ...]]:
        if name == "bp-boom":
            raise self.surprise
        return super().find(name)


@pytest.mark.parametrize(
    "surprise", [ZeroDivisionError("secret"), Panic("secret"), MemoryError()], ids=lambda e: type(e).__name__
)
def test_a_defect_in_deciding_is_told_on_the_commit(
    told: EnvironmentOnDisk, wall: FakeCommitStatusForge, surprise: BaseException
) -> None:
    told.shelf = BuggyCatalog(verified("bp-shop", "1.0.0"))
    told.shelf.surprise = surprise
    reconciliation = told.settle(files("shop"))
    bad = told.push(files("shop") | {"applications/boom.yaml": application("boom", "bp-boom")})
    told.fleet.releases.clear()
    for fetch in (True, False, True):
        reconciliation.run(fetch=fetch)
    condition = told.status().condition("Valid")
    assert (condition.status, condition.reason, told.status().input) == ("Unknown", "InternalError", bad)
    assert type(surprise).__name__ in condition.message
    assert "incident=" in condition.message
    assert "secret" not in told.show("status", "status.yaml")
    assert condition_of(told, "Ready") == ("False", "Degraded")
    assert posted(wall, bad)["catalyst/resolved"][0] == "pending"
    before = told.everything()
    for _ in range(3):
        reconciliation.run()
    assert told.everything() == before, "the same defect is told once, in the words of its first incident"
    told.push(files("shop"))
    reconciliation.run()
    assert condition_of(told, "Valid") == ("True", "Validated")


def test_what_is_healthy_but_wrote_nothing_is_not_called_healthy(told: EnvironmentOnDisk) -> None:
    """As argoproj/argo-cd#25190: it said Healthy, and had written nothing.

    The push to `resolved` does not arrive: the status says so, and what runs is judged by what `resolved` holds.
    """
    reconciliation = told.settle(files("shop"))
    told.git("config", "http.receivepack", "true")
    hook = told.origin / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ntest "$1" != refs/heads/resolved\n')
    hook.chmod(0o755)
    told.push(files("blog", "shop"))
    reconciliation.run()
    status = told.status()
    assert [a.name for a in status.applications] == ["shop"]
    assert condition_of(told, "Committed")[0] == "Unknown"
    assert status.resolved == told.head("resolved")
