"""Trust policies held against what a registry has: one answer for each artifact, by whom or why not."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.adapters.registry.client import Registry
from reconciler.adapters.registry.mirrors import MirroredRegistry
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.formats.oci_manifest import digest_of_bytes
from reconciler.model.errors import IntegrityError, NotFoundError, ReconcilerError, UnavailableError, UntrustedError
from reconciler.model.trust import VULNERABILITIES, TrustPolicy
from reconciler.services.verification.artifact_verifier import verify_artifact
from reconciler.services.verification.signatures import ATTESTATION_LIMIT
from tests.support.builders import API
from tests.support.public_keys import public_key
from tests.support.registry_server import HostileRegistry, Reply, Request
from tests.support.signed_artifacts import (
    DIGEST,
    ENVELOPE,
    SIGNED,
    SIMPLE,
    FakeArtifactStore,
    FakeSignatureVerifier,
    bundle,
    manifest,
    referrer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.lock import TrustEvidence

SPDX = "https://spdx.dev/Document"


def policy(name: str, *authorities: str, wants: tuple[str, ...] = (), most: str | None = None) -> TrustPolicy:
    keys = [{"name": a, "key": public_key(a)} for a in authorities]
    attestations: list[dict[str, str]] = [{"predicateType": one} for one in wants]
    attestations += [{"predicateType": VULNERABILITIES, "maxSeverity": most}] if most else []
    spec = {"artifacts": ["*/shop"], "authorities": keys, "attestations": attestations}
    return TrustPolicy.model_validate({"apiVersion": API, "kind": "TrustPolicy", "metadata": {"name": name}, "spec": spec})


def held(*contents: tuple[bytes, str | None], att: bytes | None = None, old: bytes = b"") -> FakeArtifactStore:
    """A registry with some bundles, each with the predicate type that its manifest claims."""
    return FakeArtifactStore(*(referrer(*one) for one in contents), blobs=(*(c for c, _ in contents), old), att=att)


def vouched(
    script: Callable[[Request], Reply], *policies: TrustPolicy, judge: FakeSignatureVerifier | None = None
) -> list[TrustEvidence]:
    with HostileRegistry(script) as server:
        registry = Registry(plain_http=[server.host], attempts=1, timeout=5)
        where = f"{server.host}/shop"
        found = verify_artifact(
            MirroredRegistry(registry, {}),
            registry.blob,
            judge or FakeSignatureVerifier(),
            where,
            DIGEST,
            TrustPolicies(policies),
        )
        assert found.manifest.digest == DIGEST
        return found.evidence


def refused(script: Callable[[Request], Reply], *policies: TrustPolicy, kind: type[ReconcilerError] = UntrustedError) -> str:
    with pytest.raises(kind) as caught:
        vouched(script, *policies)
    return caught.value.message


def scan(*severities: str, day: int = 1) -> dict[str, Any]:
    """Trivy's report, in cosign's predicate."""
    found = [{"VulnerabilityID": f"CVE-{number}", "PkgName": "x", "Severity": one} for number, one in enumerate(severities)]
    result = {"SchemaVersion": 2, "ArtifactName": "x", "Results": [{"Target": "x", "Vulnerabilities": found}]}
    when = {"scanStartedOn": f"2026-11-{day:02}T00:00:00Z", "scanFinishedOn": f"2026-11-{day:02}T00:01:00Z"}
    scanner = {"uri": "pkg:github/aquasecurity/trivy@0.60.0", "version": "0.60.0", "db": {}, "result": result}
    return {"invocation": {}, "scanner": scanner, "metadata": when}


def test_no_policy_is_a_refusal_and_nothing_is_asked() -> None:
    assert "no trust policy covers" in refused(lambda _: Reply(status=500))


def test_any_one_authority_of_a_policy_suffices_and_is_named() -> None:
    signature = bundle("second")
    (evidence,) = vouched(held((signature, None)), policy("one", "first", "second"))
    assert (evidence.policy, evidence.authority, evidence.signature) == ("one", "second", digest_of_bytes(referrer(signature)))


def test_each_policy_that_covers_it_must_hold_and_gives_evidence() -> None:
    both = (policy("two", "second"), policy("one", "first"))
    assert refused(held((bundle("first"), None)), *both).startswith("the policy two is not met: ")
    found = vouched(held((bundle("first"), None), (bundle("second"), None)), *both)
    assert [(one.policy, one.authority) for one in found] == [("one", "first"), ("two", "second")]
    assert [one.policy_digest for one in found] == [TrustPolicies(both).digest_of(p) for p in reversed(both)]


def test_policies_that_share_an_authority_ask_once() -> None:
    judge = FakeSignatureVerifier()
    vouched(held((bundle("first"), None)), policy("one", "first"), policy("two", "first"), judge=judge)
    assert judge.judged == 1


@pytest.mark.parametrize("old", [False, True])
def test_old_signatures_are_asked_for_only_where_no_bundle_will_do(old: bool) -> None:
    new = bundle("first"), None
    sig = manifest((bundle("first"), SIMPLE), layer={"annotations": SIGNED})
    store = FakeArtifactStore(*(() if old else (referrer(*new),)), blobs=(new[0],), sig=sig)
    with HostileRegistry(store) as server:
        registry = Registry(plain_http=[server.host], attempts=1, timeout=5)
        where, ours = f"{server.host}/shop", TrustPolicies((policy("one", "first"),))
        (found,) = verify_artifact(
            MirroredRegistry(registry, {}), registry.blob, FakeSignatureVerifier(), where, DIGEST, ours
        ).evidence
        asked = [request.path for request in server.requests if request.path.endswith(".sig")]
        assert (found.signature == digest_of_bytes(sig), bool(asked)) == (old, old)
        if old:  # what holds is kept, also beside a bundle
            server_with_both = FakeArtifactStore(referrer(*new), blobs=(new[0],), sig=sig)
            store.replies |= server_with_both.replies
            again = verify_artifact(
                MirroredRegistry(registry, {}), registry.blob, FakeSignatureVerifier(), where, DIGEST, ours, [found]
            ).evidence
            assert again == [found]


def test_what_vouches_for_an_artifact_is_told_within_the_time_of_one_answer_or_not_at_all() -> None:
    ones = held(*((bundle(f"other-{n}"), None) for n in range(60)))

    def slowly(request: Request) -> Reply:
        return replace(ones(request), pause=0.15)

    with HostileRegistry(slowly) as server:
        registry = Registry(plain_http=[server.host], attempts=3, timeout=0.3)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"nothing more is requested from .*, because 1\.2 s have passed"):
            verify_artifact(
                MirroredRegistry(registry, {}),
                registry.blob,
                FakeSignatureVerifier(),
                f"{server.host}/shop",
                DIGEST,
                TrustPolicies((policy("one", "x"),)),
            )
        assert time.monotonic() - started < 5
        assert registry.manifest(f"{server.host}/shop", DIGEST), "what is asked for afterwards has a time of its own"


def test_neither_order_nor_copies_change_the_evidence() -> None:
    ours, ones = policy("one", "first"), [(bundle("first") + b" " * n, None) for n in range(3)]
    (evidence,) = vouched(held(*ones), ours)
    assert vouched(held(*reversed(ones)), ours) == [evidence]
    (known,) = vouched(held(ones[0]), ours)
    with HostileRegistry(held(*ones)) as server:
        registry = Registry(plain_http=[server.host], attempts=1, timeout=5)
        where = f"{server.host}/shop"
        again = verify_artifact(
            MirroredRegistry(registry, {}), registry.blob, FakeSignatureVerifier(), where, DIGEST, TrustPolicies((ours,)), [known]
        )
    assert again.evidence == [known], "what holds is kept"


def test_an_attestation_is_no_signature() -> None:
    assert "is signed, but by no accepted key" in refused(held((bundle("first", SPDX), None)), policy("one", "first"))
    assert "only attestations" in refused(held((bundle("first", SPDX), SPDX)), policy("one", "first"))


def test_what_is_wanted_must_be_attested_by_an_authority_of_the_policy() -> None:
    signed, wants = (bundle("first"), None), policy("one", "first", "second", wants=(SPDX,))
    expected = f"has no attestation of {SPDX} by first, second"
    assert expected in refused(held(signed), wants)
    assert expected in refused(held(signed, (bundle("stranger", SPDX), SPDX)), wants)
    assert expected in refused(held(signed, (bundle("first", "https://cyclonedx.org/bom"), SPDX)), wants)
    attested = bundle("second", SPDX)
    for claimed in (SPDX, None):
        (evidence,) = vouched(held(signed, (attested, claimed)), wants)
        (found,) = evidence.attestations
        assert (found.predicate_type, found.authority) == (SPDX, "second")
        assert found.signature == digest_of_bytes(referrer(attested, claimed))


def test_an_old_attestation_will_do() -> None:
    content = bundle("first", SPDX, bundled=False)
    att = manifest((content, ENVELOPE))
    (evidence,) = vouched(held((bundle("first"), None), att=att, old=content), policy("one", "first", wants=(SPDX,)))
    assert evidence.attestations[0].signature == digest_of_bytes(att)


@pytest.mark.parametrize(
    ("scans", "message"),
    [
        ([], f"has no attestation of {VULNERABILITIES} by first"),
        ([scan("LOW", "HIGH")], ""),
        ([scan("LOW", "CRITICAL")], "1 critical (CVE-1)"),
        ([scan("CRITICAL", day=1), scan("LOW", day=2)], ""),
        ([scan("LOW", day=2), scan("CRITICAL", day=3)], "critical"),
        ([scan("LOW", day=2), {"scanner": {}}], "cannot be used"),
        ([scan("UNKNOWN")], "critical"),
    ],
    ids=["none", "good", "bad", "newer good", "newer bad", "unreadable", "unrated"],
)
def test_the_newest_scan_decides(scans: list[dict[str, Any]], message: str) -> None:
    contents = [bundle("first", VULNERABILITIES, one) for one in scans]
    store, wants = held((bundle("first"), None), *((c, VULNERABILITIES) for c in contents)), policy("one", "first", most="high")
    if message:
        assert message in refused(store, wants)
    else:
        (evidence,) = vouched(store, wants)
        assert evidence.attestations[0].signature == digest_of_bytes(referrer(contents[-1], VULNERABILITIES))


@pytest.mark.parametrize("harm", ["damaged", "gone", "too large"])
def test_a_scan_that_cannot_be_read_might_be_the_newest(harm: str) -> None:
    good, bad = (bundle("first", VULNERABILITIES, scan("LOW", day=day)) for day in (1, 9))
    if harm == "too large":
        bad += b" " * ATTESTATION_LIMIT
    store = held((bundle("first"), None), (good, VULNERABILITIES), (bad, VULNERABILITIES))
    if harm == "damaged":
        store.replies[f"blobs/{digest_of_bytes(bad)}"] = Reply(body=b"x" * len(bad))
    elif harm == "gone":
        del store.replies[f"blobs/{digest_of_bytes(bad)}"]
    assert "may be a newer scan and cannot be read (1)" in refused(store, policy("one", "first", most="high"))
    assert vouched(store, policy("one", "first")), "where no scan is wanted it is nobody's concern"


def test_a_strangers_scan_counts_for_nothing() -> None:
    ours, theirs = bundle("first", VULNERABILITIES, scan("CRITICAL")), bundle("stranger", VULNERABILITIES, scan("LOW", day=9))
    store = held((bundle("first"), None), (ours, VULNERABILITIES), (theirs, VULNERABILITIES))
    assert "critical" in refused(store, policy("one", "first", most="high"))


def test_a_bundle_that_can_be_read_in_two_ways_is_not_used() -> None:
    content = bundle("first", VULNERABILITIES, scan("CRITICAL"))
    twice = content[:-1] + b", " + json.dumps({"dsseEnvelope": json.loads(content)["dsseEnvelope"]}).encode()[1:]
    store = held((bundle("first"), None), (twice, VULNERABILITIES))
    assert "cannot be read" in refused(store, policy("one", "first", most="high"))


# Places


def places(first: Callable[[Request], Reply], second: Callable[[Request], Reply], *some: TrustPolicy) -> list[TrustEvidence]:
    with HostileRegistry(first) as mirror, HostileRegistry(second) as named:
        registry = Registry(plain_http=[mirror.host, named.host], attempts=1, timeout=5)
        mirrored = MirroredRegistry(registry, {named.host: [mirror.host]})
        policies = TrustPolicies(some or (policy("one", "first"),))
        return verify_artifact(mirrored, registry.blob, FakeSignatureVerifier(), f"{named.host}/shop", DIGEST, policies).evidence


def test_a_scan_that_a_mirror_does_not_have_yet_counts() -> None:
    older, newer = (bundle("first", VULNERABILITIES, scan(word, day=day)) for word, day in (("LOW", 1), ("CRITICAL", 9)))
    signed = (bundle("first"), None)
    mirror = held(signed, (older, VULNERABILITIES))
    named = held(signed, (older, VULNERABILITIES), (newer, VULNERABILITIES))
    wants = policy("one", "first", most="high")
    with pytest.raises(UntrustedError, match="critical"):
        places(mirror, named, wants)
    assert places(mirror, down, wants), "without the named place the mirror's word counts"


def down(_: Request) -> Reply:
    return Reply(status=503)


def empty(_: Request) -> Reply:
    return Reply(status=404)


@pytest.mark.parametrize("other", [down, empty, held(), held((bundle("stranger"), None))])
def test_one_place_that_has_it_all_suffices(other: Callable[[Request], Reply]) -> None:
    good = held((bundle("first"), None))
    assert [one.authority for one in places(good, other)] == ["first"]
    assert [one.authority for one in places(other, good)] == ["first"]


@pytest.mark.parametrize(
    ("other", "kind"), [(down, UnavailableError), (empty, UntrustedError), (held((bundle("stranger"), None)), UntrustedError)]
)
def test_unsigned_is_said_only_when_every_place_answered(other: Callable[[Request], Reply], kind: type[ReconcilerError]) -> None:
    for pair in ((held(), other), (other, held())):
        with pytest.raises(kind):
            places(*pair)
    with pytest.raises(NotFoundError):
        places(empty, empty)
    with pytest.raises(UnavailableError):
        places(empty, down)


def test_damage_is_not_called_unsigned() -> None:
    signature = bundle("first")
    store = held((signature, None))
    store.replies[f"blobs/{digest_of_bytes(signature)}"] = Reply(body=b"x" * len(signature))
    with pytest.raises(IntegrityError):
        vouched(store, policy("one", "first"))
