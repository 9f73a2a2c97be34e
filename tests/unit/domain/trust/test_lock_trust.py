"""When what is locked asks for another decision, because what vouches for it changed."""

from __future__ import annotations

from dataclasses import replace

from reconciler.domain.catalog import ExcludedVersion
from reconciler.domain.trust.lock_trust import LockTrust
from tests.support.builders import EVIDENCE, blueprint, sha, verified

ONE = verified(blueprint("db"))
LOST = ExcludedVersion("1.0.0", "Untrusted", "no signature holds")


def test_the_same_answers_ask_for_nothing() -> None:
    again = replace(ONE, evidence=[*EVIDENCE])
    assert not LockTrust({"db": again}).needs_new_decision(LockTrust({"db": ONE}))
    assert not LockTrust({"db": LOST}).needs_new_decision(LockTrust({"db": replace(LOST)}))


def test_what_is_locked_since_then_asks_for_nothing_while_it_is_trusted() -> None:
    assert not LockTrust({"db": ONE, "web": ONE}).needs_new_decision(LockTrust({"db": ONE}))
    assert LockTrust({"db": ONE, "web": LOST}).needs_new_decision(LockTrust({"db": ONE}))


def test_what_could_not_be_told_asks_for_nothing() -> None:
    assert not LockTrust({}).needs_new_decision(LockTrust({"db": ONE}))


def test_a_loss_a_return_and_another_signature_ask_for_a_decision() -> None:
    another = replace(ONE, evidence=[EVIDENCE[0].model_copy(update={"signature": sha("another")})])
    for before, now in ((ONE, LOST), (LOST, ONE), (ONE, another), (LOST, replace(LOST, reason="gone"))):
        assert LockTrust({"db": now}).needs_new_decision(LockTrust({"db": before}))


def test_who_lost_it_is_named_in_order() -> None:
    found = LockTrust({"x": LOST, "y": LOST, "z": ONE}, {"x": ("web",), "y": ("a", "b"), "z": ("c",)})
    assert found.untrusted == ("a, b: no signature holds", "web: no signature holds")
