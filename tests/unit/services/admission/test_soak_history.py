"""Soak time from the status history of a source Environment."""

from __future__ import annotations

import json
import time

import pytest

from reconciler.adapters.git import Repository
from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.model.errors import RejectedError
from reconciler.model.layout import CONFIRMED
from reconciler.services.admission.soak_history import SoakHistory
from tests.support.environment_files import application
from tests.support.environment_policies import SOAK, environment_policy, read_policies
from tests.support.fakes import verified
from tests.support.git_server import GitServer, bare, git, hook
from tests.support.governed_environment import BLOG, GovernedEnvironment, timestamp


class SourceEnvironment:
    """The `status` branch of acme-stg, where the shop runs as another Application."""

    def __init__(self, house: GovernedEnvironment) -> None:
        self.origin = bare(house.stage.folder / "served" / "stg.git")
        self.writer = Repository(house.stage.folder / "writer", self.origin.as_uri())
        self.digest = next(p.digest for p in house.stage.lock().packages)
        self.content: dict[str, bytes] = {}
        clone = Repository(house.stage.folder / "source", self.origin.as_uri(), history=True)
        house.history = SoakHistory("acme-stg", clone, confirm=300)

    def say(self, when: str, ready: str, message: str = "s", name: str = "acme-stg") -> None:
        placement = {"cluster": "c", "ready": ready, "state": "Running", "reason": "r", "message": "m"}
        one = {"name": "other", "blueprint": "bp-shop", "version": "1.0.0", "digest": self.digest, "state": "Running"}
        status = {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "EnvironmentStatus",
            "metadata": {"name": name},
            "input": "x",
            "conditions": [],
            "applications": [{**one, "ready": ready, "placements": [placement]}],
        }
        self.content = {"status.yaml": json.dumps(status).encode()}
        self._push("status", when, message, parent=True)

    def confirm(self, when: str) -> None:
        self._push(CONFIRMED, when, "c", parent=False)

    def _push(self, ref: str, when: str, message: str, *, parent: bool) -> None:
        heads = self.writer.heads()
        if parent and ref in heads:
            self.writer.fetch({ref: heads[ref]})
        before = heads.get(ref) if parent else None
        made = self.writer.write(self.content, parent=before, message=message, time=int(timestamp(when)))
        self.writer.push(made.id, ref, expect=heads.get(ref))


def test_a_soak_is_over_at_the_moment_that_it_tells(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SOAK))
    source = SourceEnvironment(house)
    source.say("2026-11-29T00:00", "True")
    source.say("2026-11-30T00:00", "False")
    source.say("2026-11-30T06:00", "True")
    source.confirm("2026-12-01T08:58")
    house.push(BLOG)
    running = house.start()
    told = "p: bp-shop 1.0.0 will have been Ready in acme-stg for 72h at 2026-12-02 06:00:00 UTC if it stays so"
    outcome = running.run(wait=1)
    assert house.held(outcome, "Soaking") == told
    assert outcome.fetch_after == timestamp("2026-12-02T06:00") - house.now
    house.now = timestamp("2026-12-02T05:59:59")
    assert "or not observed" in house.held(running.run(wait=1), "Soaking")
    source.confirm("2026-12-02T05:50")
    assert house.held(running.run(wait=1), "Soaking") == told
    house.now = timestamp("2026-12-02T06:00")
    assert "resolved" in running.run(fetch=False, wait=1).pushed


def test_time_that_nobody_watched_is_no_soak(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SOAK))
    source = SourceEnvironment(house)
    source.say("2026-11-01T00:00", "True")
    source.say("2026-12-01T08:00", "True", "s\n\nUnwatched-Since: 2026-11-02T00:00:00+00:00\n")
    house.push(BLOG)
    source.confirm("2026-12-01T08:58")
    assert "at 2026-12-03 08:00:00 UTC if it stays so" in house.held(house.run(), "Soaking")


def test_a_status_of_another_environment_is_no_soak(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SOAK))
    source = SourceEnvironment(house)
    source.say("2026-11-01T00:00", "True", name="acme-dev")
    source.say("2026-12-01T08:00", "True")
    source.confirm("2026-12-01T08:58")
    house.push(BLOG)
    assert "at 2026-12-04 08:00:00 UTC if it stays so" in house.held(house.run(), "Soaking")


def test_what_is_no_confirmation_confirms_nothing(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SOAK))
    source = SourceEnvironment(house)
    source.say("2026-11-01T00:00", "True")
    git(source.origin, "update-ref", CONFIRMED, git(source.origin, "rev-parse", "status:status.yaml"))
    house.push(BLOG)
    assert "or not observed" in house.held(house.run(), "Soaking")


def test_a_confirmation_that_is_dated_ahead_confirms_nothing(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SOAK))
    source = SourceEnvironment(house)
    source.say("2026-11-01T00:00", "True")
    source.confirm("2099-01-01T00:00")
    house.push(BLOG)
    assert "or not observed" in house.held(house.run(), "Soaking")


def test_a_reconciler_that_was_away_says_so_once(house: GovernedEnvironment) -> None:
    house.policies = EnvironmentPolicies()
    house.stage.limits["confirm"] = 0.2
    house.run()
    tree, head = house.stage.trees("status")[0], house.stage.head("status")
    time.sleep(2)  # longer than three times the interval, in the whole seconds that git has
    made = house.stage.start()
    assert "status" in made.run(wait=1).pushed
    assert "Unwatched-Since: " in house.stage.message("status")
    assert (house.stage.trees("status")[0], house.stage.git("rev-parse", "status^")) == (tree, head)
    assert made.run(wait=1).pushed == ()


def test_a_reconciler_that_was_away_says_so_although_its_first_push_fails(house: GovernedEnvironment) -> None:
    house.policies = EnvironmentPolicies()
    house.stage.limits["confirm"] = 0.2
    house.run()
    time.sleep(2)
    with GitServer(house.stage.origin.parent).running() as server:
        house.stage.url = f"{server.url}/env.git"
        hook(house.stage.origin, "update", "exit 1")
        made = house.stage.start()
        with pytest.raises(RejectedError):
            made.run(wait=1)
        (house.stage.origin / "hooks" / "update").unlink()
        assert "status" in made.run(wait=1).pushed
    assert "Unwatched-Since: " in house.stage.message("status")


def test_what_the_source_never_ran_and_what_it_is_not(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SOAK))
    house.push(BLOG)
    assert house.held(house.run(), "UnknownSource") == "p: there is none"
    house.stage.shelf.put(verified("bp-new", "1.0.0"))
    source = SourceEnvironment(house)
    source.say("2026-11-01T00:00", "True")
    source.confirm("2026-12-01T08:58")
    house.push({"applications/blog.yaml": application("blog", "bp-new")})
    assert "bp-new 1.0.0 never ran in acme-stg: install it there first" in house.held(house.run(), "Soaking")
    house.push({"applications/blog.yaml": application("blog")})
    assert "resolved" in house.run().pushed, "the shop soaked there under another name"
