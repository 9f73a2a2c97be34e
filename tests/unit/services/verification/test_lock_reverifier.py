"""Trust of what is locked, lost and regained over passes."""

from __future__ import annotations

import dataclasses

from reconciler.model.errors import UnavailableError
from tests.support.environment_files import application, files
from tests.support.environments import EnvironmentOnDisk, condition_of
from tests.support.fakes import proof, verified


def test_trust_that_is_lost_is_told_and_heals_and_what_runs_is_not_touched(stage: EnvironmentOnDisk) -> None:
    stage.limits = {"retry": 0.0}
    reconciliation = stage.settle(files("blog", "shop"))
    good, resolved = verified("bp-shop", "1.0.0"), stage.head("resolved")
    stage.shelf.put_unsigned("bp-shop", "1.0.0")
    assert reconciliation.run(wait=1).pushed == ("status",)
    trusted = stage.status().condition("Trusted")
    assert (trusted.status, trusted.reason) == ("False", "Untrusted")
    assert trusted.message == "blog, shop: it has no signature; what runs is left running"
    assert [condition_of(stage, one)[0] for one in ("Valid", "Resolved", "Committed", "Ready")] == ["True"] * 4
    assert (stage.status().refused, stage.head("resolved")) == (None, resolved)
    assert "to move away" in stage.status().problems[0].message or "left running" in stage.status().problems[0].message
    assert reconciliation.run(wait=1).pushed == ()
    assert stage.start().run(wait=1).pushed == (), "after a restart the same is said"
    main = stage.push(files("blog", "mail", "shop"))
    reconciliation.run(wait=1)
    assert (stage.status().refused, stage.head("resolved")) == (main, resolved), "new commits that contain it are refused"
    assert condition_of(stage, "Trusted") == ("False", "Untrusted")
    stage.shelf.put(good)
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert condition_of(stage, "Trusted") == ("True", "Verified")


def test_another_signature_on_what_is_locked_becomes_the_evidence(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    again = dataclasses.replace(verified("bp-shop", "1.0.0"), evidence=[proof("release", "the new key")])
    stage.shelf.put(again)
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert stage.lock().packages[0].evidence == again.evidence
    assert reconciliation.run(wait=1).pushed == ()


def test_what_cannot_be_looked_at_is_not_called_trusted(stage: EnvironmentOnDisk) -> None:
    reconciliation = stage.settle(files("shop"))
    stage.shelf.put_unsigned("bp-shop", "1.0.0")
    reconciliation.run(wait=1)
    for words in ("it timed out", "it answered 503"):
        stage.shelf.down = UnavailableError(words)
        reconciliation.run(wait=1)
    assert condition_of(stage, "Trusted") == ("Unknown", "Unavailable")
    assert "it timed out" in stage.status().condition("Trusted").message, "other words each time are no change to commit"
    assert (condition_of(stage, "Ready"), stage.status().refused) == (("True", "AllReady"), None)


def test_a_pass_that_takes_away_what_was_lost_says_trusted(stage: EnvironmentOnDisk) -> None:
    stage.limits = {"retry": 0.0}
    stage.shelf.put(verified("bp-blog", "1.0.0"))
    whole = {**files("shop"), "applications/blog.yaml": application("blog", "bp-blog")}
    reconciliation = stage.settle(whole)
    stage.shelf.put_unsigned("bp-blog", "1.0.0")
    reconciliation.run(wait=1)
    assert condition_of(stage, "Trusted") == ("False", "Untrusted")
    stage.push(files("shop"))
    assert reconciliation.run(wait=1).pushed == ("resolved", "status")
    assert condition_of(stage, "Trusted") == ("True", "Verified")


def test_what_is_resolved_is_not_called_refused_whatever_makes_it_lose_its_trust(stage: EnvironmentOnDisk) -> None:
    stage.limits = {"retry": 0.0}
    reconciliation = stage.settle(files("shop"))
    stage.push({**files("shop"), "README.md": "words"})
    reconciliation.run(wait=1)
    stage.shelf.put_unsigned("bp-shop", "1.0.0")
    for look in (True, False, True):
        reconciliation.run(fetch=look, wait=1)
        assert (stage.status().refused, condition_of(stage, "Trusted")) == (None, ("False", "Untrusted"))
