"""Resolving on the real registry, with real signatures: passed over, moved when asked, under a condition, or in the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.formats.yaml.documents import load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reconciler

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment whose catalog has bp-site 1.0.0, which needs a bp-db for itself where its config says so."""
    organization = "r" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")
    size = {"type": "object", "properties": {"db": {"type": "string", "default": "none", "enum": ["none", "own"]}}}
    values = {"owner": "{{ application.name }}"}
    own = {"blueprint": "bp-db", "version": "^1", "when": "{{ .config.db == 'own' }}", "values": values}
    site = blueprint(tmp_path / "site", "bp-site", spec={"configSchema": size, "depends": [own]})
    servers.publish(stage.prefix, site, blueprint(tmp_path / "db", "bp-db"))
    return stage


def packages(stage: LiveEnvironment) -> dict[str, dict[str, Any]]:
    return {p["application"]: p for p in load(stage.show("resolved", "environment.lock.yaml"), "lock").data["packages"]}


def ours(stage: LiveEnvironment, command: str, *arguments: str) -> Any:
    done = reconciler(command, stage.name, *arguments, "-c", str(stage.config), "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_condition_brings_a_dependency_along_and_its_values_are_filled_in(stage: LiveEnvironment) -> None:
    stage.push({"environment.yaml": stage.environment(), "applications/blog.yaml": stage.application("blog", "bp-site", "^1")})
    stage.once()
    assert set(packages(stage)) == {"blog"}
    stage.push({"applications/blog.yaml": stage.application("blog", "bp-site", "^1", config={"db": "own"})})
    stage.once()
    found = packages(stage)
    assert found["blog"]["dependsOn"] == ["blog-db"]
    assert found["blog-db"]["values"] == {"owner": "blog"}
    assert ours(stage, "tree") == {"blog": ["blog-db"], "blog-db": []}
    assert [row["application"] for row in ours(stage, "why", "blog-db")] == ["blog-db", "blog"]


def test_only_who_asks_is_moved_and_only_to_what_is_signed(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {f"applications/{n}.yaml": stage.application(n, "bp-db", "^1") for n in ("one", "two")}
    stage.push({"environment.yaml": stage.environment(), **files})
    stage.once()
    servers.publish(stage.prefix, blueprint(tmp_path / "db11", "bp-db", "1.1.0"))
    servers.publish(stage.prefix, blueprint(tmp_path / "db12", "bp-db", "1.2.0"), unsigned=True)
    servers.publish(stage.prefix, blueprint(tmp_path / "db2", "bp-db", "2.0.0"))
    stage.push({}, "nothing that matters")
    stage.once()
    assert {p["version"] for p in packages(stage).values()} == {"1.0.0"}
    rows = ours(stage, "outdated")["outdated"]
    assert [(r["application"], r["locked"], r["inRange"], r["newest"]) for r in rows] == [
        ("one", "1.0.0", "1.1.0", "2.0.0"),
        ("two", "1.0.0", "1.1.0", "2.0.0"),
    ]
    found = ours(stage, "update", "one")
    assert found["changes"] == ["~ one: bp-db 1.0.0 -> 1.1.0"]
    (warning,) = found["warnings"]
    assert "bp-db 1.2.0 is passed over for 1.1.0: " in warning["message"]
    assert {name: p["version"] for name, p in packages(stage).items()} == {"one": "1.1.0", "two": "1.0.0"}
    resolved = stage.head("resolved")
    stage.once()
    assert stage.head("resolved") == resolved, "the next pass finds what it would have made itself"


def test_a_conflict_is_told_with_a_change_that_helps(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    def needs(range_: str) -> dict[str, Any]:
        return {"depends": [{"blueprint": "bp-db", "version": range_}]}

    servers.publish(
        stage.prefix,
        blueprint(tmp_path / "db2", "bp-db", "2.0.0"),
        blueprint(tmp_path / "web", "bp-web", "1.0.0", spec=needs("^1")),
        blueprint(tmp_path / "cart", "bp-cart", "1.0.0", spec=needs("^1")),
        blueprint(tmp_path / "cart2", "bp-cart", "2.0.0", spec=needs("^2")),
    )
    cart = {"applications/cart.yaml": stage.application("cart", "bp-cart", "^2")}
    stage.push({"environment.yaml": stage.environment(), "applications/web.yaml": stage.application("web", "bp-web"), **cart})
    code, told = stage.once()
    (problem,) = told["problems"]
    assert (code, problem["code"], problem["file"]) == (1, "Conflict", "applications/cart.yaml")
    assert "cart needs bp-db ^2 (bp-cart@2.0.0); web needs bp-db ^1 (bp-web@1.0.0)" in problem["message"]
    assert problem["hint"].startswith("request bp-cart 1.0.0 for cart instead of ^2 at applications/cart.yaml:")
    stage.push({"applications/cart.yaml": stage.application("cart", "bp-cart", "1.0.0")})
    assert stage.once()[0] == 0
    assert packages(stage)["db"]["version"] == "1.0.0"
