"""Which changes of a status are none yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.domain.readiness.assessment import ObservedRelease, Verdict
from reconciler.domain.status.environment_status import build_status
from reconciler.domain.status.throttle import is_routine_recheck
from reconciler.model.lock import ChartPin, Package
from reconciler.model.lock import TrustEvidence as Trust
from tests.support.builders import lock_of

if TYPE_CHECKING:
    from reconciler.model.status import EnvironmentStatus

DIGEST = "sha256:" + "a" * 64
WELL = Verdict("True", "Running", "InstallSucceeded", "installed", 27, ObservedRelease("f/a", DIGEST))
LOOKS = Verdict("False", "Updating", "Reconciling", "looking", 21, ObservedRelease("f/a", DIGEST))
FAILS = Verdict("False", "Failed", "UpgradeFailed", "no", 19, ObservedRelease("f/a", DIGEST))
ANOTHER = Verdict("False", "Updating", "Reconciling", "looking", 21, ObservedRelease("f/a", "sha256:" + "b" * 64))


def package(name: str) -> Package:
    return Package(
        application=name,
        blueprint=f"bp-{name}",
        version="1.0.0",
        artifact=f"oci://r/bp-{name}@{DIGEST}",
        chart=ChartPin(digest=DIGEST, media_type="application/x"),
        placements=["hz-fsn-rtz-prod-acme"],
        evidence=[Trust(policy="p", policy_digest=DIGEST, authority="a", signature=DIGEST)],
        entry=DIGEST,
    )


def status(main: str = "m", **verdicts: Verdict) -> EnvironmentStatus:
    lock = lock_of(*(package(name) for name in verdicts))
    return build_status("acme-prod", main, "r", lock, {(n, "hz-fsn-rtz-prod-acme"): v for n, v in verdicts.items()}, None)


@pytest.mark.parametrize(
    ("before", "now", "only"),
    [
        (status(a=WELL, b=WELL), status(a=LOOKS, b=WELL), True),
        (status(a=WELL, b=FAILS), status(a=LOOKS, b=FAILS), True),
        (status(a=WELL, b=WELL), status(a=WELL, b=WELL), False),
        (status(a=WELL, b=WELL), status(a=LOOKS, b=FAILS), False),
        (status(a=FAILS), status(a=LOOKS), False),
        (status(a=LOOKS), status(a=WELL), False),
        (status(a=WELL), status(a=ANOTHER), False),
        (status(a=WELL), status(a=WELL, b=LOOKS), False),
        (status(a=WELL, b=WELL), status(a=LOOKS), False),
        (status(a=WELL), status("n", a=LOOKS), False),
    ],
)
def test_only_a_look_at_what_was_ready_and_is_the_same_is_no_news(
    before: EnvironmentStatus, now: EnvironmentStatus, only: bool
) -> None:
    assert is_routine_recheck(now, before) is only
