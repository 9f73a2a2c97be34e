"""Pull requests on the real Gitea: what people see before they merge, and that they get exactly that."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.gitea import Gitea
from reconciler.domain.admission.rules import Admission, RuleResult
from reconciler.domain.locking.lock_diff import ApplicationChange
from reconciler.domain.review.plan_comment import render_plan_comment, section
from reconciler.formats.yaml.documents import load
from reconciler.model.lock import Requirer
from reconciler.model.problem import Problem
from tests.live.support.environment import LiveEnvironment, Servers, blueprint, reconciler
from tests.live.support.pull_requests import PullRequestsOnGitea, read_text
from tests.support.builders import package

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

DIFF = "[0-9a-f]{32}-[0-9a-f]{32}"


@pytest.fixture
def forge(servers: Servers, tmp_path: Path, request: pytest.FixtureRequest) -> PullRequestsOnGitea:
    """An Environment of two Applications that are resolved."""
    organization = "p" + format(abs(hash(request.node.name)) % 10**8, "08d")
    stage = LiveEnvironment(servers, tmp_path, organization, f"{servers.registry}/{organization}")
    servers.publish(stage.prefix, blueprint(tmp_path / "db", "bp-db"))
    servers.publish(stage.prefix, blueprint(tmp_path / "shop", "bp-shop", spec={"depends": ["bp-db"]}))
    stage.push({"environment.yaml": stage.environment(), "applications/shop.yaml": stage.application("shop", "bp-shop")})
    assert stage.once()[0] == 0
    return PullRequestsOnGitea(stage)


def test_what_was_planned_is_what_is_resolved(forge: PullRequestsOnGitea, servers: Servers, tmp_path: Path) -> None:
    stage = forge.stage
    servers.publish(stage.prefix, blueprint(tmp_path / "blog", "bp-blog"))
    head = forge.branch("blog", {"applications/blog.yaml": stage.application("blog", "bp-blog")})
    number = forge.open("blog")
    before = stage.head("resolved")
    assert stage.once()[0] == 0
    plan = forge.tree(f"plan/pr-{number}")
    assert plan is not None
    assert stage.head("resolved") == before, "nothing is applied that was not merged"
    assert re.fullmatch(rf"1 of 3 Applications change; diff {DIFF}; tree {plan}", forge.mark(head)[1])
    text = forge.comment(number)
    assert "1 of 3 Applications change once this is merged" in text
    assert "blog added bp-blog 1.0.0" in text
    assert f"will have the tree {plan}" in text

    (first,) = forge.comments(number)
    assert stage.once()[0] == 0
    assert forge.comments(number) == [first], "a second look writes nothing"
    assert forge.tree(f"plan/pr-{number}") == plan

    servers.publish(stage.prefix, blueprint(tmp_path / "newer", "bp-blog", "1.1.0"))
    done = reconciler("plan", "-c", str(stage.config), stage.name, "--ref", f"pull/{number}")
    assert f"resolved will have the tree {plan}" in done.stdout, "a terminal tells what the comment does"
    shutil_state(stage)  # a reconciler on another machine knows only what git and the forge hold
    assert stage.once()[0] == 0
    forge.merge(number, "squash")
    assert stage.once()[0] == 0
    assert forge.tree("resolved") == plan, "what was reviewed is what is applied, although there is a newer version"
    assert forge.tree(f"plan/pr-{number}") is None, "the plan goes when the pull request is closed"
    assert f"Merged, and applied as planned : resolved has the tree {plan}" in forge.comment(number)
    assert "blog added bp-blog 1.0.0" in forge.comment(number), "and what was reviewed can still be read"


def test_what_is_merged_together_is_applied_as_each_was_planned(
    forge: PullRequestsOnGitea, servers: Servers, tmp_path: Path
) -> None:
    stage, numbers, head = forge.stage, [], ""
    for name in ("blog", "wiki"):
        servers.publish(stage.prefix, blueprint(tmp_path / name, f"bp-{name}"))
        head = forge.branch(name, {f"applications/{name}.yaml": stage.application(name, f"bp-{name}")})
        numbers.append(forge.open(name))
    assert stage.once()[0] == 0
    for name in ("blog", "wiki"):
        servers.publish(stage.prefix, blueprint(tmp_path / f"newer-{name}", f"bp-{name}", "1.1.0"))
    forge.merge(numbers[0], "squash")
    with Gitea(servers.gitea.url, servers.gitea.token) as gitea:
        until = time.monotonic() + 30
        while not gitea.merge(f"{stage.organization}/{stage.name}", numbers[1], head):
            assert time.monotonic() < until
            time.sleep(0.1)
    shutil_state(stage)
    assert stage.once()[0] == 0
    lock = load(stage.show("resolved", "environment.lock.yaml"), "lock").data
    assert {p["application"]: p["version"] for p in lock["packages"]} == dict.fromkeys(("blog", "db", "shop", "wiki"), "1.0.0")
    for number in numbers:
        assert "Merged, and applied as planned , beside other changes of main" in forge.comment(number)


def test_what_differs_from_the_plan_is_explained(forge: PullRequestsOnGitea, servers: Servers, tmp_path: Path) -> None:
    stage = forge.stage
    forge.branch("blog", {"applications/blog.yaml": stage.application("blog", "bp-db")})
    number = forge.open("blog")
    assert stage.once()[0] == 0
    plan = forge.tree(f"plan/pr-{number}")
    stage.push({"applications/wiki.yaml": stage.application("wiki", "bp-db")}, "beside it")
    forge.merge(number, "rebase")
    assert stage.once()[0] == 0
    resolved = forge.tree("resolved")
    assert resolved != plan
    text = forge.comment(number)
    assert f"Merged, and applied as planned , beside other changes of main : resolved has the tree {resolved}" in text
    assert "wiki 1.0.0 was not in the plan" in text

    servers.publish(stage.prefix, blueprint(tmp_path / "shaky", "bp-shaky"))
    head = forge.branch("shaky", {"applications/shaky.yaml": stage.application("shaky", "bp-shaky")})
    number = forge.open("shaky")
    assert stage.once()[0] == 0
    assert forge.mark(head)[0] == "success"
    trust = stage.folder / "trust" / "openova.yaml"
    trust.write_bytes(trust.read_bytes().replace(f"{stage.prefix}/*".encode(), f"{stage.prefix}/bp-*[!y]".encode()))
    forge.merge(number)
    assert stage.once()[0] == 1
    text = forge.comment(number)
    assert "Merged, and refused : nothing of it is applied, and what runs is not touched" in text
    assert "bp-shaky" in text
    assert forge.tree("resolved") == resolved


def shutil_state(stage: LiveEnvironment) -> None:
    """Let the next pass start from nothing."""
    (stage.folder / "state").rename(stage.folder / f"state-{len(list(stage.folder.glob('state*')))}")


def test_a_refused_one_says_why_and_is_mended_by_a_force_push(forge: PullRequestsOnGitea) -> None:
    stage = forge.stage
    bad = forge.branch("blog", {"applications/blog.yaml": stage.application("blog", "bp-blog")})
    number = forge.open("blog", "@admin <script>alert(1)</script> | `x`")
    assert stage.once()[0] == 0
    state, words = forge.mark(bad)
    assert (state, "UnknownBlueprint" in words) == ("failure", True)
    assert "Refused" in forge.comment(number)
    assert re.search(
        r"applications/blog\.yaml:\d+:\d+: blog needs bp-blog \*, which is not in any catalog", forge.comment(number)
    )
    assert forge.tree(f"plan/pr-{number}") is None

    good = forge.branch("blog", {"applications/blog.yaml": stage.application("blog", "bp-shop")})
    assert stage.once()[0] == 0
    assert forge.mark(good)[0] == "success"
    assert len(forge.comments(number)) == 1
    assert "blog added bp-shop 1.0.0" in forge.comment(number)


def test_one_that_conflicts_with_main_says_so_until_it_is_rebased(forge: PullRequestsOnGitea) -> None:
    stage, file = forge.stage, "applications/shop.yaml"
    head = forge.branch("shop", {file: stage.application("shop", "bp-shop", "^1")})
    number = forge.open("shop")
    stage.push({file: stage.application("shop", "bp-shop", "^1.0.0")})
    assert stage.once()[0] == 0
    assert forge.mark(head)[0] == "failure"
    assert f"{file}: was changed differently on main" in forge.comment(number)
    head = forge.branch("shop", {file: stage.application("shop", "bp-shop", "~1.0")})
    assert stage.once()[0] == 0
    tree = forge.tree(f"plan/pr-{number}")
    assert re.fullmatch(rf"nothing changes of what runs; diff {DIFF}; tree {tree}", forge.mark(head)[1])


def test_drafts_closed_ones_and_many_at_once(forge: PullRequestsOnGitea) -> None:
    stage = forge.stage
    heads = {n: forge.branch(f"b{n}", {f"applications/b{n}.yaml": stage.application(f"b{n}", "bp-db")}) for n in range(10)}
    numbers = {n: forge.open(f"b{n}", "WIP: a draft" if n == 0 else "one of many") for n in heads}
    assert stage.once()[0] == 0
    assert {forge.mark(head)[0] for head in heads.values()} == {"success"}
    assert {len(forge.comments(number)) for number in numbers.values()} == {1}
    forge.edit(numbers[1], state="closed")
    forge.merge(numbers[2])
    assert stage.once()[0] == 0
    assert forge.tree(f"plan/pr-{numbers[1]}") is None
    assert forge.tree(f"plan/pr-{numbers[2]}") is None
    assert forge.tree(f"plan/pr-{numbers[3]}") is not None
    forge.edit(numbers[1], state="open")
    assert stage.once()[0] == 0
    assert forge.tree(f"plan/pr-{numbers[1]}") is not None
    assert len(forge.comments(numbers[1])) == 1


def test_one_from_a_fork_is_planned_like_any_other(forge: PullRequestsOnGitea) -> None:
    stage, gitea = forge.stage, forge.stage.servers.gitea
    fork = gitea.client.post(f"{forge.where}/forks", json={"name": f"fork-of-{stage.name}"}).raise_for_status().json()
    url = f"{gitea.url}/{fork['full_name']}.git".replace("http://", f"http://{gitea.user}:{gitea.token}@")
    stage.git("checkout", "-q", "-B", "mine", "origin/main")
    (stage.work / "applications" / "mine.yaml").write_bytes(stage.application("mine", "bp-db"))
    stage.git("add", "-A")
    stage.git("commit", "-q", "-m", "from outside")
    stage.git("push", "-q", url, "mine")
    head = stage.git("rev-parse", "HEAD")
    stage.git("checkout", "-q", "main")
    number = forge.open(f"{fork['owner']['login']}:mine")
    assert stage.once()[0] == 0
    assert forge.mark(head)[0] == "success"
    assert "mine added bp-db 1.0.0" in forge.comment(number)


def test_the_same_plan_on_a_terminal(forge: PullRequestsOnGitea) -> None:
    stage = forge.stage
    forge.branch("upgrade", {"applications/shop.yaml": None, "applications/db.yaml": stage.application("db", "bp-db")})
    number = forge.open("upgrade")
    assert stage.once()[0] == 0
    config = ("-c", str(stage.config), stage.name)
    for ref in ("upgrade", f"pull/{number}"):
        done = reconciler("plan", *config, "--ref", ref)
        assert done.returncode == 4, done.stderr
        assert "shop\tremoved: uninstalled, then its Namespace is deleted\tbp-shop 1.0.0" in done.stdout
        assert f"resolved will have the tree {forge.tree(f'plan/pr-{number}')}" in done.stdout
    assert reconciler("plan", *config, "--ref", "main").returncode == 0
    assert reconciler("plan", *config, "--ref", "nowhere").returncode == 3
    assert reconciler("plan", *config, "--path", str(stage.work)).returncode == 0
    (stage.work / "applications" / "shop.yaml").write_bytes(stage.application("shop", "bp-nothing"))
    done = reconciler("plan", *config, "--path", str(stage.work))
    assert (done.returncode, "applications/shop.yaml:" in done.stdout) == (1, True)


HOSTILE = (
    "a|b <script>x</script> ![i](http://h.example/i) [l](http://h.example) @admin #1 `c` **b** $x$ www.h.example </details> \\"
)


def test_nothing_that_a_pull_request_holds_becomes_more_than_text_in_its_comment(forge: PullRequestsOnGitea) -> None:
    stage = forge.stage
    short = "<b>@admin|[l](http:)"
    written: dict[str, bytes | None] = {
        "applications/a|b @admin [l](http:).yaml": stage.application("one", "bp-db"),
        "applications/two.yaml": stage.application("two", "bp-db").replace(b"name: two", f"name: '{short}'".encode()),
        "applications/three.yaml": stage.application("three", short),
        "applications/four.yaml": stage.application("four", "bp-db", HOSTILE),
        "applications/five.yaml": stage.application("five", "bp-db", **{HOSTILE: HOSTILE}),
    }
    meant: dict[str, bytes | None] = {
        "applications/six.yaml": stage.application("six", "bp-db", config={HOSTILE: HOSTILE}),
        "applications/seven.yaml": stage.application("seven", "bp-db", size=HOSTILE),
    }
    branch = "@admin/<b>&`x`|$y$"
    forge.branch(branch, written)
    number = forge.open(branch, HOSTILE)
    check_it_is_text(forge, number, 5)
    forge.branch(branch, meant)
    check_it_is_text(forge, number, 1)


def test_nothing_in_a_plan_s_table_becomes_more_than_text(forge: PullRequestsOnGitea) -> None:
    one = package("shop")
    signed = [one.evidence[0].model_copy(update={"policy": HOSTILE, "authority": HOSTILE})]
    needed = [Requirer(application=f"web {HOSTILE}", range="^1", in_="bp-x@1.0.0")]
    bad = one.model_copy(
        update={"application": HOSTILE, "blueprint": HOSTILE, "version": HOSTILE, "required_by": needed, "evidence": signed}
    )
    ruled = section(Admission((RuleResult(HOSTILE, HOSTILE, "False", "Soaking", HOSTILE),)))
    warned = (Problem(code="X", message=HOSTILE, file=HOSTILE, line=1, column=1, hint=HOSTILE),)
    steps = [ApplicationChange(bad, None, bad, (HOSTILE, HOSTILE)), ApplicationChange(one, one, one, ())]
    shown = forge.rendered(render_plan_comment(HOSTILE, steps, 2, "a" * 40, warnings=warned, policy=ruled))
    assert (shown.count("<tr"), shown.count("<td")) == (6, 2 * 5 + 2 * 3), "no row and no cell more"
    assert read_text(shown).count("@admin") == 16
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", shown)}
    page = {"h3", "h4", "p", "strong", "ul", "li", "code", "span"}
    assert all('class="emoji"' in span for span in re.findall("<span[^>]*>", shown))
    assert tags <= page | {"table", "thead", "tbody", "tr", "th", "td", "details", "summary"}
    assert not re.search(r"href|src=|class=\"mention", shown)


def check_it_is_text(forge: PullRequestsOnGitea, number: int, times: int) -> None:
    """That a refusal quotes something hostile so many times at least, and that nothing of it came to life."""
    assert forge.stage.once()[0] == 0
    (one,) = forge.comments(number)
    shown = forge.rendered(one["body"])
    assert "Refused" in shown
    assert read_text(shown).count("@admin") >= times, read_text(shown)
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", shown)}
    assert tags <= {"h3", "p", "strong", "ul", "li"}
    assert not re.search(r"href|src=|class=\"mention", shown)
