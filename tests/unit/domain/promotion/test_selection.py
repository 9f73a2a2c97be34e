"""What can be promoted, what cannot and why, and that a file changes in its version alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.blocker import Refused
from reconciler.domain.locking.lock_diff import ApplicationChange
from reconciler.domain.promotion.pull_request_text import message, text, title
from reconciler.domain.promotion.selection import VERSION_PATH, PromotionSource, replace_version, select
from reconciler.domain.readiness.assessment import Verdict
from reconciler.domain.status.conditions import TRUSTED
from reconciler.domain.status.environment_status import build_status
from reconciler.domain.text.markdown import escape
from reconciler.formats.yaml.documents import load
from reconciler.model.lock import Package, Requirer
from reconciler.model.problem import Problem
from reconciler.model.status import ObservedEvidence, ReadyEvidence
from tests.support.builders import FSN, NBG, application, lock_of, package, wish

MAIN, RESOLVED = "a" * 40, "b" * 40
GOOD = Verdict("True", "Running", "InstallSucceeded", "installed", 27)
FAILED = Verdict("False", "Failed", "InstallFailed", "timed out <script>", 19)


def asked(name: str, version: str = "1.0.0", **fields: Any) -> Package:
    by = [Requirer(application=name, range="*", in_=f"applications/{name}.yaml")]
    return package(name, version, required_by=by, **fields)


def ready(*packages: Package, resolved: str = RESOLVED, **verdicts: Verdict) -> PromotionSource:
    lock = lock_of(*packages)
    judged = {(p.application, c): verdicts.get(p.application, GOOD) for p in packages for c in p.placements}
    return PromotionSource("acme-stg", lock, RESOLVED, build_status("acme-stg", MAIN, resolved, lock, judged, None, TRUSTED))


def test_what_runs_and_is_ready_is_pinned() -> None:
    source = ready(asked("shop", "1.1.0"), package("db", "2.0.0"))
    declared = wish(application("shop", version="^1.0")).declared
    (pin,), left = select(source, declared, lock_of(package("shop", "1.0.0")), ())
    assert (pin.name, pin.before, pin.package.version, pin.running, pin.is_unchanged) == ("shop", "^1.0", "1.1.0", "1.0.0", False)
    assert left == (), "a dependency follows from its Blueprint"
    (pin,), _ = select(source, wish(application("shop", version="1.1.0")).declared, None, ())
    assert (pin.is_unchanged, pin.running) == (True, "")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (ready(asked("shop"), shop=FAILED), "it is Failed in acme-stg, not ready: InstallFailed on hz-fsn"),
        (ready(asked("shop", placements=[FSN, NBG]), shop=FAILED), "not ready"),
        (ready(asked("shop"), resolved="c" * 40), "does not yet describe what is resolved there"),
        (PromotionSource("acme-stg", lock_of(asked("shop")), RESOLVED, None), "the state of acme-stg is unknown"),
        (
            PromotionSource("acme-stg", lock_of(asked("shop", "1.1.0")), RESOLVED, ready(asked("shop")).status),
            "does not contain bp-shop 1.1.0",
        ),
        (ready(asked("shop", blueprint="bp-other")), "it is of bp-other in acme-stg, and of bp-shop there"),
        (ready(asked("shop", "1.0")), "its version 1.0 cannot be pinned"),
    ],
)
def test_what_is_not_known_to_be_ready_is_not_pinned(source: PromotionSource, why: str) -> None:
    declared = wish(application("shop"), application("blog")).declared
    for names in ((), ("shop",)):
        pins, (left,) = select(source, declared, None, names)
        assert pins == ()
        assert (left.application, left.refused) == ("shop", True)
        assert why in left.why


@pytest.mark.parametrize("name", ["shop", "bp-shop"])
def test_a_blueprint_may_be_declared_by_its_short_name(name: str) -> None:
    (pin,), left = select(ready(asked("web", "1.1.0", blueprint="bp-shop")), wish(application("web", name)).declared, None, ())
    assert (pin.name, pin.package.version, left) == ("web", "1.1.0", ())


@pytest.mark.parametrize("name", ["other", "bp-other"])
def test_another_blueprint_is_told_by_its_full_name(name: str) -> None:
    _, (left,) = select(ready(asked("web", blueprint="bp-shop")), wish(application("web", name)).declared, None, ())
    assert left.why == "it is of bp-shop in acme-stg, and of bp-other there"


def test_what_the_other_does_not_declare_is_told() -> None:
    source = ready(asked("shop"), asked("blog"), package("db"))
    declared = wish(application("shop")).declared
    pins, (left,) = select(source, declared, None, ())
    assert ([p.name for p in pins], left.application, left.refused) == (["shop"], "blog", False)
    _, left_named = select(source, declared, None, ("blog", "nope"))
    assert [(one.application, one.refused) for one in left_named] == [("blog", True), ("nope", True)]
    assert "acme-stg has no such Application" in left_named[1].why


def test_it_is_ready_since_the_last_cluster_was() -> None:
    source = ready(asked("shop", placements=[FSN, NBG]))
    assert source.status is not None
    (told,) = source.status.applications
    times = iter(["2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"])
    placements = [
        p.model_copy(
            update={
                "evidence": ObservedEvidence(
                    helm_release="x", ready=ReadyEvidence(status="True", reason="y", last_transition_time=t)
                )
            }
        )
        for p, t in zip(told.placements, times, strict=True)
    ]
    status = source.status.model_copy(update={"applications": [told.model_copy(update={"placements": placements})]})
    (pin,), _ = select(PromotionSource("acme-stg", source.lock, RESOLVED, status), wish(application("shop")).declared, None, ())
    assert pin.since == "2026-11-02T10:00:00Z"


FILES = [
    "spec:\n  blueprint: {name: bp-shop, version: ^1.0} # why\n",
    "spec:\n  blueprint:\n    version: '^1.0'  # why\n    name: bp-shop\n",
    'spec: {"blueprint": {"version": "^1.0", "name": "bp-shop"}}\n',
    "# ^1.0\r\nspec:\r\n  blueprint:\r\n    name: bp-shop\r\n    version:   ^1.0\r\n",
    "# \u00e9 \U0001f600\nspec: {x: \u00e9\U0001f600, blueprint: {version: ^1.0}}\n",
]


@pytest.mark.parametrize("content", FILES)
def test_nothing_but_the_version_is_written(content: str) -> None:
    source = load(content.encode(), "f.yaml")
    new = replace_version(content, source.locations[VERSION_PATH], "^1.0", "1.1.0")
    assert new is not None
    start = content.index("version", content.index("spec"))
    assert new == content[:start] + content[start:].replace("^1.0", "1.1.0", 1)
    assert load(new.encode(), "f.yaml").data["spec"]["blueprint"]["version"] == "1.1.0"


@pytest.mark.parametrize(
    "content", ["spec:\n  blueprint:\n    version: >-\n      ^1.0\n", 'spec: {blueprint: {version: "\\x5e1.0"}}\n']
)
def test_what_is_not_written_plainly_is_left_alone(content: str) -> None:
    source = load(content.encode(), "f.yaml")
    assert source.data["spec"]["blueprint"]["version"] == "^1.0"
    assert replace_version(content, source.locations[VERSION_PATH], "^1.0", "1.1.0") is None


HOSTILE = "|`<img src=x>` @admin #1 [x](http://evil) **b**"


@given(st.text(max_size=40) | st.just(HOSTILE))
def test_what_strangers_wrote_is_no_markup(words: str) -> None:
    source = ready(asked("shop", "1.1.0"), asked("blog"), blog=Verdict("False", "Failed", "InstallFailed", words, 19))
    declared = wish(application("shop", version="^1.0"), application("blog")).declared
    pins, left = select(source, declared, None, ())
    shown = text(source, "acme-prod", pins, {}, left, (), Refused("Resolved", (Problem(code="Conflict", message=words),)))
    plain = text(source, "acme-prod", pins, {}, left, (), Refused("Resolved", (Problem(code="Conflict", message=""),)))
    assert len(shown.splitlines()) == len(plain.splitlines())
    for mark in ("<img", "@admin", " #1", "](http", "**b**"):
        assert mark not in shown


def test_the_text_tells_what_moves_and_what_follows() -> None:
    source = ready(asked("shop", "1.1.0"), package("db", "2.0.0"))
    pins, left = select(source, wish(application("shop", version="^1.0")).declared, lock_of(package("shop")), ())
    steps = (
        ApplicationChange(pins[0].package, package("shop"), pins[0].package),
        ApplicationChange(package("db", "1.9.0"), None, package("db", "1.9.0")),
    )
    shown = text(source, "acme-prod", pins, {pins[0].package.digest: 273_000}, left, steps, None)
    digest = pins[0].package.digest.removeprefix("sha256:")[:12]
    assert f"| shop | bp-shop | {escape('^1.0 (1.0.0 runs) -> 1.1.0')} | `{digest}` | unknown | 3 d 3 h |" in shown
    assert "| db | added, 1.9.0 | 2.0.0 |" in shown
    assert title(source, pins) == "Promote shop 1.1.0 from acme-stg"
    assert message(source, pins).endswith(f"\n~ shop: bp-shop ^1.0 -> 1.1.0\n\nPromoted-From: acme-stg {RESOLVED}\n")
