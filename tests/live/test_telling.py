"""What runs is told on the real Gitea whatever is pushed to `main`: a commit git would not write, a film, or nothing at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reason_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

_TIME_BEYOND_64_BITS = "99999999999999999999"


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    """An Environment of one test alone, with a catalog of its own."""
    organization = "a" + format(abs(hash(request.node.name)) % 10**8, "08d")
    return LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}", poll=0.5)


def posted(stage: LiveEnvironment, commit: str, context: str, state: str, beginning: str) -> None:
    """Wait until the newest commit status of a context on Gitea has this state, and a description that begins so."""

    def is_posted() -> bool:
        answer = stage.servers.gitea.client.get(f"repos/{stage.organization}/{stage.name}/commits/{commit}/statuses")
        answer.raise_for_status()
        newest = {status["context"]: status for status in sorted(answer.json(), key=lambda status: status["id"])}
        status = newest.get(context, {"status": "", "description": ""})
        return bool(status["status"] == state and status["description"].startswith(beginning))

    eventually(is_posted)  # a moment after the status commit


def push_raw(stage: LiveEnvironment, commit: str) -> None:
    """Push a commit that git itself would not make."""
    (stage.work / ".git" / "refs" / "heads" / "odd").write_text(commit + "\n")
    stage.git("push", "-q", "--force", "origin", "odd:main")


def push_film(stage: LiveEnvironment, parent: str) -> str:
    """Push a file of more than 256 MiB, which no compression makes smaller."""
    film = stage.folder / "film"
    with film.open("wb") as stream:
        for _ in range(280):
            stream.write(os.urandom(1 << 20))
    stage.git("checkout", "-q", "-B", "film", parent)
    stage.git("config", "core.compression", "0")
    film.rename(stage.work / "film.bin")
    stage.git("add", "film.bin")
    stage.git("commit", "-q", "-m", "a film")
    stage.git("push", "-q", "--force", "origin", "film:main")
    return stage.git("rev-parse", "film")


def test_what_runs_is_told_beside_an_odd_commit_a_film_and_no_main(
    stage: LiveEnvironment, servers: Servers, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    name = f"{stage.organization}-app"
    stage.connect()
    files = {"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-app")}
    good = stage.push(dict(files))
    tree = stage.git("rev-parse", f"{good}^{{tree}}")
    author = "Ada <ada@example.org> 1700000000 +0000"
    kinds = {
        "no mail": f"tree {tree}\nparent {good}\nauthor Ada\ncommitter Ada\n\nx\n",
        "time": f"tree {tree}\nparent {good}\nauthor {author}\ncommitter Ada <a@b.example> {_TIME_BEYOND_64_BITS} +0000\n\nx\n",
    }
    with stage.running():
        stage.ready(good)
        for kind, text in kinds.items():
            (stage.folder / "commit").write_text(text)
            odd = stage.git("hash-object", "-t", "commit", "-w", "--literally", str(stage.folder / "commit"))
            push_raw(stage, odd)
            status = stage.wait(kind, lambda s, odd=odd: s.input == odd)  # type: ignore[misc]
            assert status.condition("Valid").status == "True", "its documents are read"
            assert status.condition("Ready").status == "True"
            posted(stage, odd, "catalyst/resolved", "success", "resolved")
        film = push_film(stage, good)
        # a busy server may first not answer in time, which is told and tried again
        status = stage.wait("the film", lambda s: s.input == film and s.condition("Valid").reason == "TooLarge", 240)
        assert status.condition("Valid").status == "Unknown", status.condition("Valid")
        assert "256 MiB (268435456 bytes)" in status.condition("Valid").message
        assert status.condition("Ready").status == "True", "what runs still runs"
        posted(stage, film, "catalyst/resolved", "pending", "TooLarge: fetching main of ")
        posted(stage, film, "catalyst/ready", "pending", "this commit is not resolved yet")
        stage.on.objects.patch_namespaced_custom_object(
            "helm.toolkit.fluxcd.io", "v2", stage.namespace, "helmreleases", name, {"spec": {"suspend": True}}
        )
        status = stage.wait("suspended beside the film", lambda s: reason_of(s, name) == "Suspended")
        assert (status.input, status.condition("Ready").status) == (film, "False")
        servers.gitea.client.patch(
            f"repos/{stage.organization}/{stage.name}", json={"default_branch": "resolved"}
        ).raise_for_status()
        stage.git("push", "-q", "origin", ":main")
        status = stage.wait("no main", lambda s: s.condition("Valid").reason == "Missing")
        assert (status.input, status.condition("Ready").status) == (film, "False")
        posted(stage, film, "catalyst/resolved", "pending", "Missing: ")
        stage.git("push", "-q", "origin", f"{good}:refs/heads/main")
        stage.wait("main is back", lambda s: s.input == good and s.condition("Valid").status == "True")
