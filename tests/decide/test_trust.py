"""Which policies cover which artifacts."""

from __future__ import annotations

from reconciler.decide.trust import Policies, policy_digest
from reconciler.model.trust import TrustPolicy
from tests.decide.builders import API

KEY = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


def policy(name: str, *artifacts: str, authority: str = "openova", key: str = KEY) -> TrustPolicy:
    spec = {"artifacts": list(artifacts), "authorities": [{"name": authority, "key": key}]}
    return TrustPolicy.model_validate({"apiVersion": API, "kind": "TrustPolicy", "metadata": {"name": name}, "spec": spec})


def names(policies: Policies, repository: str) -> list[str]:
    return [p.metadata.name for p in policies.covering(repository)]


def test_a_pattern_covers_a_repository_and_what_is_below_but_no_neighbour() -> None:
    policies = Policies((policy("one", "registry.example/openova/*"),))
    assert names(policies, "registry.example/openova/bp-wordpress") == ["one"]
    assert names(policies, "registry.example/openova/deep/bp-wordpress") == ["one"]
    for other in ("registry.example/openovaX/bp-wordpress", "registry.example/openova", "xregistry.example/openova/bp-a"):
        assert names(policies, other) == []


def test_every_policy_that_matches_covers() -> None:
    policies = Policies((policy("all", "*"), policy("one", "a/b", "host:5000/x/*"), policy("other", "z/*")))
    assert names(policies, "host:5000/x/y") == ["all", "one"]


def test_case_counts_and_no_policy_covers_nothing() -> None:
    assert names(Policies((policy("one", "host/Shop/*"),)), "host/shop/bp-a") == []
    assert names(Policies(()), "host/shop/bp-a") == []


def test_the_digest_changes_with_any_policy_and_not_with_their_order() -> None:
    one, twin, other = policy("p", "a/*"), policy("p", "b/*"), policy("q", "a/*")
    assert policy_digest([one, twin, other]) == policy_digest([other, twin, one])
    assert len({policy_digest([one]), policy_digest([twin]), policy_digest([other]), policy_digest([])}) == 4
    assert policy_digest([one]) != policy_digest([policy("p", "a/*", key=KEY.replace("MFkw", "MFkx"))])


def test_keys_are_told_by_their_authority() -> None:
    assert Policies((policy("p", "*", authority="a"), policy("q", "*", authority="b"))).keys == {"a": KEY, "b": KEY}
