from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.admission.rules import (
    Admission,
    RuleResult,
    Score,
    evaluate_score,
    evaluate_soak,
    evaluate_window,
    score_in,
    unreadable,
)
from reconciler.domain.admission.soak import SoakTime
from reconciler.model.errors import UnavailableError
from reconciler.model.policy import ScoreRule, SoakRule, WindowRule
from tests.support.builders import package, rule_result

NOW = int(datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp())

WINDOW = WindowRule(kind="change-window", cron="0 14 * * 2,4", duration="2h")

SOAK = SoakRule(kind="soak", source_environment="acme-stg", duration="72h")


# all rules together


@pytest.mark.parametrize(
    ("results", "holds", "reason", "moment"),
    [
        ((), "True", "NoPolicy", None),
        ((rule_result("True", "", 5),), "True", "Admitted", None),
        ((rule_result("True", "", 5), rule_result("False", "OutsideWindow", 9)), "False", "OutsideWindow", 9),
        ((rule_result("False", "OutsideWindow", 9), rule_result("False", "Soaking", 7)), "False", "Soaking", 7),
        ((rule_result("False", "Soaking", 7), rule_result("False", "PendingApproval")), "False", "PendingApproval", 7),
        ((rule_result("Unknown", "Denied"), rule_result("False", "OutsideWindow", 9)), "False", "OutsideWindow", 9),
        ((rule_result("Unknown", "Denied"), rule_result("True", "")), "Unknown", "Denied", None),
    ],
)
def test_all_rules_must_hold(results: tuple[RuleResult, ...], holds: str, reason: str, moment: int | None) -> None:
    found = Admission(results)
    assert (found.status, found.reason, found.retry_at) == (holds, reason, moment)


def test_the_message_tells_all_that_does_not_hold() -> None:
    assert (
        Admission((rule_result("True", "Fine"), rule_result("False", "A"), rule_result("Unknown", "B"))).message == "p: a; p: b"
    )


def test_what_cannot_be_read_is_unknown() -> None:
    found = unreadable("p", "soak", UnavailableError("no answer"))
    assert (found.status, found.reason) == ("Unknown", "Unavailable")
    assert "no answer" in found.message


# each rule


def test_a_window_tells_when_it_opens_and_until_when() -> None:
    closed = evaluate_window("p", WINDOW, NOW)
    assert (closed.status, closed.reason) == ("False", "OutsideWindow")
    assert closed.message == "the change window opens at 2026-12-01 14:00:00 UTC"
    assert closed.retry_at == NOW + 5 * 3600
    assert evaluate_window("p", WINDOW, NOW + 5 * 3600).message == "open until 2026-12-01 16:00:00 UTC"


def test_a_soak_names_what_is_left_and_when_it_is_over() -> None:
    some = (package("db"), package("shop"))
    hour = 3600
    fine, going, stuck = (
        SoakTime("d", 72 * hour, ready=True, seen=True),
        SoakTime("d", 70 * hour, ready=True, seen=True),
        SoakTime("d", 70 * hour, ready=False, seen=True),
    )
    never = SoakTime("d", 0, ready=False, seen=False)
    assert evaluate_soak("p", SOAK, some, (fine, fine), NOW).status == "True"
    assert evaluate_soak("p", SOAK, (), (), NOW).status == "True"
    found = evaluate_soak("p", SOAK, some, (fine, going), NOW)
    assert found.message == "bp-shop 1.0.0 will have been Ready in acme-stg for 72h at 2026-12-01 11:00:00 UTC if it stays so"
    assert found.retry_at == NOW + 2 * hour
    found = evaluate_soak("p", SOAK, some, (stuck, going), NOW)
    assert "bp-db 1.0.0 is not Ready in acme-stg, or not observed: its 4200 minutes continue when it is" in found.message
    assert found.retry_at is None, "time alone does not mend it"
    assert "bp-db 1.0.0 never ran in acme-stg" in evaluate_soak("p", SOAK, some, (never, fine), NOW).message


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (("", ""), "ScoreMissing"),
        (("pending", "score 99"), "ScoreMissing"),
        (("success", "all is well"), "ScoreMissing"),
        (("success", "score 79.9"), "ScoreTooLow"),
        (("failure", "score 99"), "ScoreTooLow"),
        (("error", ""), "ScoreTooLow"),
        (("success", "score 80"), ""),
        (("success", "83/100"), ""),
    ],
)
def test_a_score(score: tuple[str, str], reason: str) -> None:
    rule = ScoreRule(kind="re-score-gate", min_score=80)
    good, one = Score("a" * 40, "success", "99/100"), Score("b" * 40, *score)
    for scores in ((one,), (good, one), (one, good)):
        found = evaluate_score("p", rule, scores)
        assert (found.reason, found.status == "True") == (reason, reason == "")
        assert not reason or f"re-score of {'b' * 10} " in found.message
    assert evaluate_score("p", rule, ()).status == "True"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("score 83", 83),
        ("83/100", 83),
        ("Re-Score: 83.5 / 100 (12 checks)", 83.5),
        ("Score: 7, of 12 checks", 7),
        ("83", 83),
        ("12 of 15 checks", None),
        ("score 830", None),
        ("1083/100", None),
        ("-", None),
        ("183/100", None),
    ],
)
def test_a_number_is_read_only_when_it_is_plain(text: str, number: float | None) -> None:
    assert score_in(text) == number


@given(st.text(max_size=60))
def test_no_description_gives_more_than_a_hundred(text: str) -> None:
    assert score_in(text) is None or 0 <= (score_in(text) or 0) <= 100
