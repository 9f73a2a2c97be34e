"""A commit of `resolved` against its lock and the policies: whole it passes, and one change anywhere is told where it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.audit.lock_audit import audit_lock, proofs
from reconciler.domain.audit.tree_audit import audit_tree, expected_tree
from reconciler.domain.rendering.flux_objects import RenderContext, render
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import dump, load, load_all
from reconciler.model.artifact import parse_artifact
from reconciler.model.lock import AttestationEvidence, EnvironmentLock, TrustEvidence, sealed
from reconciler.model.trust import PREDICATE, Attestation, TrustPolicy
from tests.support.builders import API, FSN, NBG, SHOP, lock_of, package, sha
from tests.support.public_keys import public_key

if TYPE_CHECKING:
    from reconciler.model.lock import Package
    from reconciler.model.problem import Problem
    from reconciler.model.source import Source

KEY, OTHER = (public_key(word) for word in ("release", "other"))
SPDX = "https://spdx.dev/Document"
LOCK = "environment.lock.yaml"
WEB = f"clusters/{FSN}/web.yaml"


def policy(name: str = "shop", key: str = KEY, authority: str = "openova", artifacts: str = f"{SHOP}/*") -> TrustPolicy:
    spec = {"artifacts": [artifacts], "authorities": [{"name": authority, "key": key}]}
    return TrustPolicy.model_validate({"apiVersion": API, "kind": "TrustPolicy", "metadata": {"name": name}, "spec": spec})


POLICIES = TrustPolicies((policy(),))


def evidence(one: TrustPolicy, policies: TrustPolicies, *predicate_types: str) -> TrustEvidence:
    """Why a policy holds, by its first authority."""
    by = one.spec.authorities[0].name
    return TrustEvidence(
        policy=one.metadata.name,
        policy_digest=policies.digest_of(one),
        authority=by,
        signature=sha("signature"),
        attestations=[AttestationEvidence(predicate_type=t, authority=by, signature=sha(t)) for t in predicate_types],
    )


def locked(name: str, policies: TrustPolicies = POLICIES, **fields: Any) -> Package:
    """A package as `pin` makes it."""
    covering = policies.matching(f"{SHOP}/bp-{name}")
    return package(name, **({"evidence": [evidence(one, policies) for one in covering]} | fields))


def whole(*packages: Package) -> EnvironmentLock:
    return sealed(lock_of(*packages))


WHOLE = whole(locked("db", placements=[FSN, NBG]), locked("web", values={"a": 1, "b": "1_0"}, depends_on=["db"]))


def commit(lock: EnvironmentLock = WHOLE, **around: Any) -> dict[str, bytes]:
    """The files of `resolved`, as the reconciler writes them."""
    known = RenderContext(**({"sovereign": "omantel", "keys": POLICIES.keys} | around))
    return {path: dump(*documents) for path, documents in render(lock, known).items()}


def audit(files: dict[str, bytes], policies: TrustPolicies = POLICIES) -> list[tuple[str, Problem]]:
    source = load(files[LOCK], LOCK)
    lock, problems = parse_document(source, EnvironmentLock)
    assert lock is not None, problems

    def read(path: str) -> tuple[Source, ...]:
        return load_all(files[path], path) if path in files else ()

    tree = expected_tree(lock, {FSN, NBG}, read, policies.keys)
    return [*audit_lock(source, lock, policies), *audit_tree(lock, tree, files, read, dump)]


def codes(found: list[tuple[str, Problem]]) -> set[tuple[str, str]]:
    return {(application, problem.code) for application, problem in found}


def changed(files: dict[str, bytes], path: str, old: str, new: str) -> dict[str, bytes]:
    text = files[path].decode()
    assert text.count(old) >= 1, text
    return files | {path: text.replace(old, new, 1).encode()}


def test_what_the_reconciler_writes_has_no_gap() -> None:
    assert audit(commit()) == []
    assert audit(commit(lock_of())) == []


@pytest.mark.parametrize(
    "around",
    [{"plain_http": frozenset({"registry.example"})}, {"pull_secrets": {"registry.example": "pull"}}, {"sovereign": ""}],
)
def test_what_the_lock_does_not_say_is_taken_from_the_tree(around: dict[str, Any]) -> None:
    assert audit(commit(**around)) == []


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), plain, max_size=4))
def test_values_of_any_kind_leave_no_gap(values: dict[str, Any]) -> None:
    assert audit(commit(whole(locked("web", values=values)))) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("version: .*", "version: 1.0.1", "TreeDiffers"),
        ("blueprint: bp-web", "blueprint: bp-wbe", "ArtifactDiffers"),
        ("a: 1", "a: 2", "EntryDiffers"),
        ('b: "1_0"', "b: 10", "EntryDiffers"),
        ("suspend: false", "suspend: true", "EntryDiffers"),
        ("entry: .*", f"entry: {sha('other')}", "EntryDiffers"),
        ("@.*", f"@{sha('other')}", "EntryDiffers"),
        ("authority: openova", "authority: openovb", "Untrusted"),
        (f"oci://{SHOP}", "oci://registry.example/elsewhere", "Untrusted"),
        ("oci://", "oci:///", "ArtifactDiffers"),
        ("policy: .*", f"policy: {sha('other')}", "PolicyChanged"),
    ],
)
def test_a_change_in_the_lock_is_told_of_the_application_it_is_in(old: str, new: str, code: str) -> None:
    files = commit()
    head, web = files[LOCK].decode().split("- application: web\n")
    web, count = re.subn(old, new, web, count=1)
    assert count
    found = audit(files | {LOCK: f"{head}- application: web\n{web}".encode()})
    assert ("web", code) in codes(found)
    assert {application for application, problem in found if problem.file == LOCK} <= {"web"}
    assert all(problem.line for _, problem in found if problem.file == LOCK)


def test_a_changed_digest_is_told_where_it_is_and_where_it_no_longer_fits() -> None:
    files = commit()
    digest = WHOLE.packages[1].digest
    found = audit(changed(files, LOCK, digest, sha("other")))
    told = [str(problem) for _, problem in found]
    assert len(told) == 2
    assert re.match(rf"{LOCK}:\d+:\d+: the digest of what decides what happens to it is sha256:", told[0])
    assert re.match(rf"{WEB}:\d+:\d+: OCIRepository\.spec\.ref\.digest is {digest}; the lock makes it {sha('other')}", told[1])


def test_a_lock_that_was_changed_with_its_entry_no_longer_fits_the_tree() -> None:
    web = locked("web", values={"a": 2, "b": "1_0"}, depends_on=["db"])
    text = dump(whole(WHOLE.packages[0], web).model_dump(mode="json", by_alias=True))
    assert codes(audit(commit() | {LOCK: text})) == {("web", "TreeDiffers")}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("digest: sha256:", "tag: latest # sha256:", "OCIRepository.spec.ref.digest is not there"),
        (f"url: oci://{SHOP}", "url: oci://elsewhere.example", "OCIRepository.spec.url is oci://elsewhere.example"),
        ("    name: web\n  install", "    name: db\n  install", "HelmRelease.spec.chartRef.name is db"),
        ("provider: cosign", "provider: notation", "OCIRepository.spec.verify.provider is notation"),
        ("targetNamespace: web", "targetNamespace: kube-system", "HelmRelease.spec.targetNamespace is kube-system"),
        (
            'timeout: "5m"',
            'timeout: "5m"\n  postRenderers: []',
            "HelmRelease.spec.postRenderers is \\[\\]; the lock makes it not there",
        ),
        ('interval: "10m"', "interval: 8m", "OCIRepository.spec.interval is 8m; the lock makes it 10m"),
        ('b: "1_0"', "b: 1_0", "other bytes, which Flux may read differently"),
        ("a: 1", "a: 1.0", "HelmRelease.spec.values.a is 1.0; the lock makes it 1"),
        ("---\n", "# words\n---\n", "other bytes"),
        ("a: 1", "a: [", "is not valid YAML|expected"),
    ],
)
def test_a_change_in_a_flux_file_is_told_by_its_place(old: str, new: str, words: str) -> None:
    files = commit()
    ((application, problem),) = audit(changed(files, WEB, old, new))
    assert (application, problem.file) == ("web", WEB)
    assert re.search(words, problem.message), problem.message


def test_documents_that_were_added_or_taken_away_are_told() -> None:
    files = commit()
    more = files[WEB] + b"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"
    ((_, problem),) = audit(files | {WEB: more})
    assert problem.message == "has 4 documents; the lock makes 3"


@pytest.mark.parametrize("path", [f"clusters/{FSN}/evil.yaml", "clusters/other/web.yaml", ".sourceignore", "README.md"])
def test_what_is_not_of_the_lock_is_told(path: str) -> None:
    ((application, problem),) = audit(commit() | {path: b"kind: Secret\n"})
    assert (application, problem.code, problem.file) == ("", "TreeDiffers", path)


@pytest.mark.parametrize("path", [WEB, f"clusters/{NBG}/kustomization.yaml", f"clusters/{FSN}/trust/openova.yaml"])
def test_what_is_missing_is_told(path: str) -> None:
    files = commit()
    del files[path]
    ((application, problem),) = audit(files)
    assert (application, problem.file) == ("web" if path == WEB else "", path)
    assert "the lock makes it" in problem.message


def test_a_kustomization_that_lists_more_is_told() -> None:
    path = f"clusters/{FSN}/kustomization.yaml"
    ((_, problem),) = audit(changed(commit(), path, "- web.yaml", "- web.yaml\n- https://elsewhere.example/x.yaml"))
    assert (problem.file, problem.message[:26]) == (path, "Kustomization.resources is")


def test_other_policies_than_it_was_locked_under() -> None:
    files = commit()
    assert codes(audit(files, TrustPolicies(()))) >= {("web", "Untrusted"), ("db", "Untrusted")}
    narrower = TrustPolicies((policy(artifacts=f"{SHOP}/bp-*"),))
    assert codes(audit(files, narrower)) == {("web", "PolicyChanged"), ("db", "PolicyChanged")}
    found = audit(files, TrustPolicies((policy(key=OTHER),)))
    assert codes(found) == {("web", "PolicyChanged"), ("db", "PolicyChanged"), ("", "TreeDiffers")}
    assert {problem.file for application, problem in found if not application} == {
        f"clusters/{cluster}/trust/openova.yaml" for cluster in (FSN, NBG)
    }


def test_a_second_policy_of_which_the_lock_holds_no_evidence_is_a_gap() -> None:
    both = TrustPolicies((policy(), policy("all", OTHER, "auditor", "*")))
    assert audit(commit(whole(locked("web", both)), keys=both.keys), both) == []
    ((application, problem),) = audit(commit(whole(locked("web"))), both)
    assert (application, problem.code) == ("web", "Untrusted")
    assert problem.message == "all covers the artifact too, and the lock contains no evidence for it"


def test_what_a_policy_wants_attested_must_be_named_and_by_an_authority_of_it() -> None:
    spec = policy().spec.model_copy(update={"attestations": [Attestation(predicate_type=SPDX)]})
    wanting = policy().model_copy(update={"spec": spec})
    policies = TrustPolicies((wanting,))
    assert audit(commit(whole(locked("web", evidence=[evidence(wanting, policies, SPDX)]))), policies) == []
    ((_, problem),) = audit(commit(whole(locked("web", evidence=[evidence(wanting, policies)]))), policies)
    assert problem.message == f"shop requires an attestation of {SPDX}, and the lock names none"
    foreign = evidence(wanting, policies, SPDX)
    foreign = foreign.model_copy(update={"attestations": [foreign.attestations[0].model_copy(update={"authority": "nobody"})]})
    ((_, problem),) = audit(commit(whole(locked("web", evidence=[foreign]))), policies)
    assert (problem.code, problem.message, problem.line) == ("Untrusted", "nobody is not an authority of shop", 32)


def test_an_application_that_is_locked_twice_is_told() -> None:
    assert ("web", "Duplicate") in codes(audit(commit(whole(locked("web"), locked("web")))))


def test_what_is_to_be_judged_is_all_that_the_lock_names_by_authorities_at_hand() -> None:
    one = locked("web", evidence=[evidence(policy(), POLICIES, SPDX)])
    assert [(p.signer.key, p.manifest, p.predicate_type) for p in proofs(one, POLICIES)] == [
        (KEY, sha("signature"), PREDICATE),
        (KEY, sha(SPDX), SPDX),
    ]
    assert list(proofs(one, TrustPolicies((policy(authority="another"),)))) == []
    assert list(proofs(one, TrustPolicies((policy("another"),)))) == []
    assert parse_artifact(locked("web")) == (f"{SHOP}/bp-web", WHOLE.packages[1].digest)
