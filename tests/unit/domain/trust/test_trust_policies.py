"""Which policies cover which artifacts."""

from __future__ import annotations

from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.model.trust import TrustPolicy
from tests.support.builders import API
from tests.support.public_keys import public_key

KEY = public_key("release")


def policy(name: str, *artifacts: str, authority: str = "openova", key: str = KEY) -> TrustPolicy:
    spec = {"artifacts": list(artifacts), "authorities": [{"name": authority, "key": key}]}
    return TrustPolicy.model_validate({"apiVersion": API, "kind": "TrustPolicy", "metadata": {"name": name}, "spec": spec})


def digest(*policies: TrustPolicy) -> str:
    return TrustPolicies(policies).digest


def names(policies: TrustPolicies, repository: str) -> list[str]:
    return [p.metadata.name for p in policies.matching(repository)]


def test_a_pattern_covers_a_repository_and_what_is_below_but_no_neighbour() -> None:
    policies = TrustPolicies((policy("one", "registry.example/openova/*"),))
    assert names(policies, "registry.example/openova/bp-wordpress") == ["one"]
    assert names(policies, "registry.example/openova/deep/bp-wordpress") == ["one"]
    for other in ("registry.example/openovaX/bp-wordpress", "registry.example/openova", "xregistry.example/openova/bp-a"):
        assert names(policies, other) == []


def test_every_policy_that_matches_covers() -> None:
    policies = TrustPolicies((policy("all", "*"), policy("one", "a/b", "host:5000/x/*"), policy("other", "z/*")))
    assert names(policies, "host:5000/x/y") == ["all", "one"]


def test_case_counts_and_no_policy_covers_nothing() -> None:
    assert names(TrustPolicies((policy("one", "host/Shop/*"),)), "host/shop/bp-a") == []
    assert names(TrustPolicies(()), "host/shop/bp-a") == []


def test_the_digest_changes_with_any_policy_and_not_with_their_order() -> None:
    one, twin, other = policy("p", "a/*"), policy("p", "b/*"), policy("q", "a/*")
    assert digest(one, twin, other) == digest(other, twin, one)
    assert len({digest(one), digest(twin), digest(other), digest()}) == 4
    assert digest(one) != digest(policy("p", "a/*", key=KEY.replace("MFkw", "MFkx")))


def test_the_digest_changes_with_a_trusted_root_that_is_named_and_with_no_other() -> None:
    keyless = {"issuer": "https://token.example", "subject": "https://ci.example/*", "trustedRoot": "root.json"}
    spec = {"artifacts": ["*"], "authorities": [{"name": "ci", "keyless": keyless}]}
    one = TrustPolicy.model_validate({"apiVersion": API, "kind": "TrustPolicy", "metadata": {"name": "p"}, "spec": spec})
    found = [
        TrustPolicies((one,), roots) for roots in ({"root.json": "a"}, {"root.json": "b"}, {"root.json": "a", "other.json": "x"})
    ]
    assert len({p.digest for p in found}) == 2
    assert found[0].digest_of(one) == found[2].digest_of(one)
    assert found[0].keys == {}
    signer = found[0].signer(one.spec.authorities[0])
    assert (signer.key, signer.issuer, signer.subject, signer.root) == ("", keyless["issuer"], keyless["subject"], "a")


def test_keys_are_told_by_their_authority() -> None:
    assert TrustPolicies((policy("p", "*", authority="a"), policy("q", "*", authority="b"))).keys == {"a": KEY, "b": KEY}
