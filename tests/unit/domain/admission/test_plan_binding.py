"""What an approval is bound to, written into a commit status and read back."""

from __future__ import annotations

import pytest

from reconciler.domain.admission.plan_binding import PlanFingerprint, parse_fingerprint
from reconciler.domain.locking.lock_diff import ApplicationChange
from reconciler.domain.review.commit_statuses import plan_status
from tests.support.builders import package


def test_a_mark_of_a_plan_holds_what_it_binds_approvals_to() -> None:
    bound, one = PlanFingerprint("a" * 40, "b" * 32, "c" * 32), ApplicationChange(package("shop"), None, package("shop"), ())
    for many in (0, 1, 100_000):
        assert parse_fingerprint(plan_status([one] * many, 100_000, bound, None).description) == bound, "it is not cut off"


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        (
            f"1 of 2 Applications change; diff {'b' * 32}-{'c' * 32}; tree {'a' * 40}",
            PlanFingerprint("a" * 40, "b" * 32, "c" * 32),
        ),
        (f"; diff {'b' * 32}-{'c' * 32}; tree {'a' * 40}!", None),
        (f"; diff {'b' * 32}-{'c' * 32}; tree {'a' * 10}", None),
        (f"; diff {'b' * 32}; tree {'a' * 40}", None),
        (f"; tree {'a' * 40}", None),
    ],
)
def test_what_a_mark_binds_approvals_to(text: str, bound: PlanFingerprint | None) -> None:
    assert parse_fingerprint(text) == bound
