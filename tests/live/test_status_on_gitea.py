"""What people see on Gitea: the status page as it renders it, the commit statuses, and that somebody still watches."""

from __future__ import annotations

import html
import json
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.domain.readiness.assessment import Verdict
from reconciler.domain.status.environment_status import build_status
from reconciler.domain.status.status_page import status_page
from reconciler.formats.yaml.documents import dump, load
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reconciler
from tests.support.builders import lock_of, package

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.lock import EnvironmentLock
    from tests.live.support.environment import Gitea

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

HOSTILE = (
    "a|b <script>x</script> ![i](http://h.example/i) [l](http://h.example) "
    "@admin a@b.example #1 `c` **b** $x$ www.h.example &amp; ~~s~~ \\"
)


@pytest.fixture
def stage(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> LiveEnvironment:
    organization = "g" + format(abs(hash(request.node.name)) % 10**8, "08d")
    return LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}", poll=0.5)


def rendered(gitea: Gitea, text: str, repository: str) -> str:
    body = {"Text": text, "Mode": "gfm", "Context": f"/{repository}/src/branch/status", "Wiki": False}
    answer = gitea.client.post("markdown", json=body)
    answer.raise_for_status()
    return answer.text


def test_gitea_shows_hostile_text_as_it_is_and_nothing_more(gitea: Gitea) -> None:
    lock: EnvironmentLock = lock_of(package("shop"))
    cluster = lock.packages[0].placements[0]
    verdict = Verdict("False", "Failed", "InstallFailed", HOSTILE, 19)
    status = build_status("acme-prod", "a" * 40, "b" * 40, lock, {("shop", cluster): verdict}, None)
    shown = rendered(gitea, status_page(status), "acme/acme-prod")
    row = next(part for part in shown.split("<tr>") if "<td>shop</td>" in part)
    cells = [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
    assert len(cells) == 9
    assert cells[8] == HOSTILE.strip()
    assert cells[4] == "❌ False"
    assert not re.search(r"<(script|img|del|strong|math)|href=\"[^\"]*(h\.example|admin|issues)", row)


def test_the_page_s_links_lead_to_the_commits_and_the_lock(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    commit = stage.push({"environment.yaml": stage.environment(), "applications/one.yaml": stage.application("one", "bp-app")})
    code, _ = stage.once()
    assert code == 0
    repository = f"{stage.organization}/{stage.name}"
    servers.gitea.client.patch(f"repos/{repository}", json={"private": False}).raise_for_status()  # its pages want no login then
    until = time.monotonic() + 20
    while (web := httpx.get(f"{servers.gitea.url}/{repository}/src/branch/status/README.md")).status_code != 200:
        assert time.monotonic() < until, "Gitea notes a new branch a moment after its push"
        time.sleep(0.2)
    links = re.findall(r"href=\"([^\"]+)\"", web.text)
    wanted = [f"/{repository}/commit/{commit}", f"/{repository}/commit/{stage.head('resolved')}"]
    wanted.append(f"/{repository}/src/branch/resolved/environment.lock.yaml")
    for link in wanted:
        assert any(one.endswith(link) for one in links), (link, [one for one in links if "commit" in one or "lock" in one])
        assert httpx.get(f"{servers.gitea.url}{link}").status_code == 200


def statuses(stage: LiveEnvironment, commit: str) -> list[dict[str, Any]]:
    answer = stage.servers.gitea.client.get(f"repos/{stage.organization}/{stage.name}/commits/{commit}/statuses")
    answer.raise_for_status()
    return [
        {"context": one["context"], "state": one["status"], "text": one["description"]}
        for one in sorted(answer.json(), key=lambda one: one["id"])
    ]


def test_each_commit_ends_with_one_status_for_accepted_and_one_for_running(
    stage: LiveEnvironment, servers: Servers, tmp_path: Path
) -> None:
    servers.publish(stage.prefix, blueprint(tmp_path / "a", "bp-app"))
    name = f"{stage.organization}-app"
    stage.connect()
    files = {"environment.yaml": stage.environment(), f"applications/{name}.yaml": stage.application(name, "bp-app")}
    good = stage.push(dict(files))
    with stage.running():
        stage.ready(good)
        bad = stage.push({f"applications/{name}.yaml": stage.application(name, "bp-app", "latest!")})
        stage.wait("refused", lambda s: s.refused == bad)
    assert [(one["context"], one["state"]) for one in statuses(stage, good)] == [
        ("catalyst/resolved", "success"),
        ("catalyst/ready", "pending"),
        ("catalyst/ready", "success"),
    ]
    red = statuses(stage, bad)
    assert sorted((one["context"], one["state"]) for one in red) == [
        ("catalyst/ready", "failure"),
        ("catalyst/resolved", "failure"),
    ]
    assert red[0]["text"].startswith(f"applications/{name}.yaml:")
    assert stage.once()[0] == 1
    assert statuses(stage, bad) == red, "another process posts nothing that is there"


def test_explain_shows_all_that_a_verdict_rests_on(stage: LiveEnvironment, servers: Servers, tmp_path: Path) -> None:
    base, top = f"{stage.organization}-base", f"{stage.organization}-top"
    servers.publish(stage.prefix, blueprint(tmp_path / "a", f"bp-{base}"))
    servers.publish(stage.prefix, blueprint(tmp_path / "b", "bp-top", spec={"depends": [f"bp-{base}"]}))
    stage.connect()
    commit = stage.push({"environment.yaml": stage.environment(), f"applications/{top}.yaml": stage.application(top, "bp-top")})
    with stage.running():
        stage.ready(commit)
    heads = stage.git("ls-remote", "origin")
    done = reconciler("explain", "-c", str(stage.config), f"{stage.name}/{top}", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (placed,) = found["placements"]
    assert (placed["ready"], placed["row"], placed["installed"]["status"]) == ("True", 27, "deployed")
    assert any(line.startswith("Ready=True InstallSucceeded") for line in placed["conditions"])
    assert str(stage.head("resolved")) in placed["flux"]["GitRepository/environment"]
    assert str(stage.head("resolved")) in placed["flux"]["Kustomization/applications"]
    assert placed["installed"]["ociDigest"] in placed["flux"][f"OCIRepository/{top}"]
    assert (found["input"], found["main"], found["resolved"]) == (commit, commit, stage.head("resolved"))
    assert [(n["depth"], n["application"], n["ready"]) for n in found["needs"]] == [(1, base, "True")]
    text = reconciler("explain", "-c", str(stage.config), f"{stage.name}/{top}")
    assert "row 27: no other row applies" in text.stdout
    wrong = reconciler("explain", "-c", str(stage.config), f"{stage.name}/{top}x")
    assert (wrong.returncode, f"did you mean {top}?" in wrong.stderr) == (3, True)
    assert stage.git("ls-remote", "origin") == heads, "it writes nothing"


def test_a_reader_can_tell_that_somebody_still_watches(stage: LiveEnvironment) -> None:
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    settings["intervals"] |= {"confirm": 1}
    stage.config.write_bytes(dump(settings))
    commit = stage.push({"environment.yaml": stage.environment()})
    with stage.running():
        status = stage.wait("a status", lambda s: s.input == commit)
        assert status.condition("Ready").status == "Unknown"
        first = stage.log("status", "%H")
        stage.wait("confirmed", lambda _: "refs/catalyst/confirmed" in stage.git("ls-remote", "origin"))
        shown = reconciler("status", "-c", str(stage.config))
        assert re.search(r"^  last confirmed \d+ s ago$", shown.stdout, re.MULTILINE), shown.stdout
    assert stage.log("status", "%H") == first


def test_whatever_somebody_puts_where_a_confirmation_stands_stops_nothing(stage: LiveEnvironment) -> None:
    settings = load(stage.config.read_bytes(), "reconciler.yaml").data
    settings["intervals"] |= {"confirm": 1}
    stage.config.write_bytes(dump(settings))
    stage.push({"environment.yaml": stage.environment()})
    blob = stage.git("rev-parse", "HEAD:environment.yaml")
    stage.git("push", "-q", "--force", "origin", f"{blob}:refs/catalyst/confirmed")
    with stage.running():
        stage.wait("a status", lambda s: s.input == stage.head("main"))
        stage.wait("it is overwritten", lambda _: blob not in stage.git("ls-remote", "origin", "refs/catalyst/confirmed"))
        stage.git("push", "-q", "--force", "origin", f"{blob}:refs/catalyst/confirmed")
        commit = stage.push({"applications/gone.yaml": b"kind: Nothing\n"})
        stage.wait("the next commit is looked at", lambda s: s.input == commit)
