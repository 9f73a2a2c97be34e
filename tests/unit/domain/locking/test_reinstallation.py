"""Changes by which Flux uninstalls what runs: each is told as what it is, and must be confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.locking.change_summary import change_lines
from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.domain.locking.reinstallation import unconfirmed_reinstalls
from reconciler.model.lock import OLDER_FORMAT, sealed
from reconciler.model.release import ReleaseSettings
from tests.support.builders import FSN, NBG, lock_of, package

if TYPE_CHECKING:
    from reconciler.model.lock import EnvironmentLock, Package

PLAIN = package("shop")


def named(chart: str | None, **fields: Any) -> Package:
    one = package("shop", **fields)
    return one.model_copy(update={"chart": one.chart.model_copy(update={"name": chart})})


def whole(one: Package, flux_namespace: str = "flux-system") -> EnvironmentLock:
    return sealed(lock_of(one).model_copy(update={"flux_namespace": flux_namespace}))


def released(**settings: Any) -> Package:
    return package("shop", release=ReleaseSettings(**settings))


# What helm-controller compares, and what makes another object of the HelmRelease.
ANEW = [
    (whole(PLAIN), whole(PLAIN, "flux-acme"), "fluxNamespace flux-system -> flux-acme"),
    (whole(PLAIN), whole(released(object="bp-shop")), "HelmRelease shop -> bp-shop"),
    (whole(PLAIN), whole(released(name="shop-2")), "release shop -> shop-2"),
    (whole(PLAIN), whole(released(namespace="kube-system")), "Namespace shop -> kube-system"),
    (whole(PLAIN), whole(released(storage_namespace="shop")), "storage Namespace flux-system -> shop"),
    (whole(named("shop")), whole(named("bp-shop")), "chart shop -> bp-shop"),
    (
        whole(named("shop")),
        whole(named("bp-shop", release=ReleaseSettings(namespace="x", storage_namespace="y")), "z"),
        "fluxNamespace flux-system -> z, Namespace shop -> x, storage Namespace flux-system -> y, chart shop -> bp-shop",
    ),
]


@pytest.mark.parametrize(("before", "after", "causes"), ANEW)
def test_what_is_installed_anew_is_told_as_that_and_refused(before: EnvironmentLock, after: EnvironmentLock, causes: str) -> None:
    (change,) = diff_locks(before, after)
    assert change.summary.startswith(f"uninstalled and installed anew ({causes})")
    assert change.summary.count("->") == causes.count("->"), "each is told once"
    assert change_lines(before, after) == (f"~ shop: bp-shop 1.0.0, {change.summary}",)
    (refusal,) = unconfirmed_reinstalls(before, after, {})
    assert refusal[:2] == ("shop", f"shop would be uninstalled and installed anew ({causes})")
    assert f"spec.reinstall: {{shop: {before.packages[0].entry}}}" in refusal[2]


@pytest.mark.parametrize(("before", "after", "causes"), ANEW)
def test_a_confirmation_is_good_for_one_transition(before: EnvironmentLock, after: EnvironmentLock, causes: str) -> None:
    del causes
    confirmed = {"shop": before.packages[0].entry}
    assert list(unconfirmed_reinstalls(before, after, confirmed)) == []
    assert list(unconfirmed_reinstalls(after, after, confirmed)) == [], "once it is done nothing is left to confirm"
    assert len(list(unconfirmed_reinstalls(after, before, confirmed))) == 1, "the way back is another transition"
    assert len(list(unconfirmed_reinstalls(before, after, {"shop": after.packages[0].entry, "blog": "x"}))) == 1


def test_a_new_version_whose_chart_has_another_name_is_told_with_both() -> None:
    (change,) = diff_locks(whole(named("shop")), whole(named("bp-shop", version="1.1.0")))
    assert change.summary == "1.0.0 -> 1.1.0, uninstalled and installed anew (chart shop -> bp-shop)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (whole(PLAIN), whole(package("shop", "1.1.0", values={"a": 1}))),
        (
            whole(PLAIN),
            whole(released(interval="1h", name="shop", namespace="shop", storage_namespace="flux-system", object="shop")),
        ),
        (whole(named(None)), whole(named("shop"))),  # the older format has no name of the chart
        (lock_of(PLAIN).model_copy(update={"api_version": OLDER_FORMAT, "sovereign": None}), whole(named("shop"))),
        (whole(package("shop", placements=[FSN])), whole(released(name="other").model_copy(update={"placements": [NBG]}))),
        (lock_of(), whole(PLAIN)),
        (whole(PLAIN), lock_of()),
    ],
)
def test_what_is_upgraded_moved_added_or_removed_is_not_installed_anew(before: EnvironmentLock, after: EnvironmentLock) -> None:
    assert all(not change.reinstall_causes for change in diff_locks(before, after))
    assert list(unconfirmed_reinstalls(before, after, {})) == []
    assert list(unconfirmed_reinstalls(None, after, {})) == []


def test_what_is_suspended_is_not_uninstalled_and_so_not_moved_to_another_object() -> None:
    suspended = whole(package("shop", suspend=True))
    confirmed = {"shop": suspended.packages[0].entry}
    ((_, message, hint),) = unconfirmed_reinstalls(suspended, whole(PLAIN, "flux-acme"), confirmed)
    assert "uninstalls nothing that is suspended" in message
    assert hint == "take `suspend` away first"
    assert list(unconfirmed_reinstalls(suspended, whole(released(name="other")), confirmed)) == []
