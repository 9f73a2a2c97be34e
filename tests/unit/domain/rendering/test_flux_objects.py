"""The tree of the `resolved` branch, as Flux reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.rendering.flux_objects import RenderContext, Tree, duplicate_objects, label_value, render
from tests.support.builders import FSN, NBG, lock_of, package, sha

if TYPE_CHECKING:
    from reconciler.model.lock import Package

KEY = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
AROUND = RenderContext(sovereign="omantel", keys={"openova": KEY, "unused": KEY})
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def tree(*packages: Package, around: RenderContext = AROUND) -> Tree:
    return render(lock_of(*packages), around)


def objects(one: Package, around: RenderContext = AROUND) -> dict[str, dict[str, Any]]:
    documents = tree(one, around=around)[f"clusters/{FSN}/{one.application}.yaml"]
    return {d["kind"]: dict(d) for d in documents}


def test_the_tree_holds_the_lock_and_one_folder_for_each_cluster() -> None:
    files = tree(package("web", placements=[FSN, NBG]), package("db", placements=[NBG]))
    assert sorted(files) == [
        f"clusters/{FSN}/kustomization.yaml",
        f"clusters/{FSN}/trust/openova.yaml",
        f"clusters/{FSN}/web.yaml",
        f"clusters/{NBG}/db.yaml",
        f"clusters/{NBG}/kustomization.yaml",
        f"clusters/{NBG}/trust/openova.yaml",
        f"clusters/{NBG}/web.yaml",
        "environment.lock.yaml",
    ]
    (kustomization,) = files[f"clusters/{NBG}/kustomization.yaml"]
    assert kustomization["resources"] == ["db.yaml", "trust/openova.yaml", "web.yaml"]


def test_an_environment_without_applications_still_has_its_folder_so_that_flux_prunes() -> None:
    ((kustomization,), (lock,)) = (tree()[f"clusters/{FSN}/kustomization.yaml"], tree()["environment.lock.yaml"])
    assert (kustomization["kind"], kustomization["resources"]) == ("Kustomization", [])
    assert lock["packages"] == []


def test_the_objects_of_an_application() -> None:
    one = package("web", "1.3.0", values={"a": 1}, depends_on=["db"])
    metadata = {
        "labels": {
            "app.kubernetes.io/managed-by": "catalyst-reconciler",
            "openova.io/sovereign": "example",
            "openova.io/organization": "acme",
            "openova.io/environment": "acme-prod",
            "openova.io/application": "web",
            "openova.io/blueprint": "bp-web",
            "openova.io/blueprint-version": "1.3.0",
        },
        "annotations": {"catalyst.openova.io/entry": one.entry},
    }
    assert objects(one) == {
        "Namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web", **metadata}},
        "OCIRepository": {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "OCIRepository",
            "metadata": {"name": "web", "namespace": "flux-system", **metadata},
            "spec": {
                "interval": "10m",
                "url": "oci://registry.example/openova/bp-web",
                "ref": {"digest": one.digest},
                "layerSelector": {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation": "copy"},
                "verify": {"provider": "cosign", "secretRef": {"name": "catalyst-trust-openova"}},
            },
        },
        "HelmRelease": {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "flux-system", **metadata},
            "spec": {
                "interval": "10m",
                "timeout": "5m",
                "releaseName": "web",
                "targetNamespace": "web",
                "chartRef": {"kind": "OCIRepository", "name": "web"},
                "install": {"remediation": {"retries": 3}},
                "upgrade": {"remediation": {"retries": 3}},
                "driftDetection": {"mode": "enabled"},
                "values": {"a": 1},
                "dependsOn": [{"name": "db"}],
            },
        },
    }


def test_flux_checks_the_signature_by_the_key_of_the_authority_that_vouched() -> None:
    (secret,) = tree(package("web"))[f"clusters/{FSN}/trust/openova.yaml"]
    assert (secret["kind"], secret["stringData"]) == ("Secret", {"cosign.pub": KEY})
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == ("catalyst-trust-openova", "flux-system")


def test_where_the_authority_has_no_key_flux_is_asked_for_no_check_and_given_no_secret() -> None:
    around = RenderContext(sovereign="omantel", keys={})
    assert "verify" not in objects(package("web"), around)["OCIRepository"]["spec"]
    assert not [path for path in tree(package("web"), around=around) if "trust" in path]


def test_a_registry_without_tls_or_with_a_pull_secret_is_told_to_flux_by_its_host() -> None:
    around = RenderContext(
        sovereign="o",
        keys={},
        plain_http=frozenset({"registry.example"}),
        pull_secrets={"registry.example": "pull", "other": "x"},
    )
    spec = objects(package("web"), around)["OCIRepository"]["spec"]
    assert (spec["insecure"], spec["secretRef"]) == (True, {"name": "pull"})
    spec = objects(package("web", artifact=f"oci://other.example/bp-web@{sha('x')}"), around)["OCIRepository"]["spec"]
    assert not {"insecure", "secretRef"} & set(spec)


def test_a_suspended_application_is_suspended_and_no_other() -> None:
    assert objects(package("web", suspend=True))["HelmRelease"]["spec"]["suspend"] is True
    assert "suspend" not in objects(package("web"))["HelmRelease"]["spec"]


def test_all_that_flux_reads_lies_in_its_namespace() -> None:
    files = render(lock_of(package("web")).model_copy(update={"flux_namespace": "gitops"}), AROUND)
    namespaces = {
        d["metadata"].get("namespace") for p, ds in files.items() if p.startswith("clusters/") for d in ds if "metadata" in d
    }
    assert namespaces == {None, "gitops"}


@pytest.mark.parametrize(
    ("text", "label"),
    [("1.0.0+build.7", "1.0.0_build.7"), ("1.0.0-", "1.0.0"), ("1.0.0-rc--", "1.0.0-rc"), ("x" * 99, "x" * 63), ("é", "")],
)
def test_text_as_a_label(text: str, label: str) -> None:
    assert label_value(text) == label


VERSION = st.from_regex(r"[0-9]\.[0-9]\.[0-9](-[0-9A-Za-z-]{1,80})?(\+[0-9A-Za-z-]{1,80})?", fullmatch=True)


@given(VERSION, st.from_regex(r"[a-z][a-z0-9-]{0,66}", fullmatch=True), st.text(max_size=90))
def test_every_label_is_one_that_kubernetes_takes(version: str, blueprint: str, sovereign: str) -> None:
    one = package("web", version=version, blueprint=blueprint, artifact=f"oci://a/b@{sha('x')}")
    lock = lock_of(one).model_copy(update={"sovereign": RenderContext(sovereign=sovereign, keys={}).locked})
    for kind in render(lock, AROUND)[f"clusters/{FSN}/web.yaml"]:
        assert all(LABEL.fullmatch(value) for value in kind["metadata"]["labels"].values())


def test_nothing_that_is_rendered_stands_twice() -> None:
    files = tree(package("web", placements=[FSN, NBG]), package("db", placements=[NBG]))
    assert list(duplicate_objects(files)) == []


def test_an_object_that_stands_twice_is_told_with_both_applications() -> None:
    files = dict(tree(package("web", placements=[FSN, NBG]), package("db")))
    files[f"clusters/{NBG}/db.yaml"] = files[f"clusters/{FSN}/db.yaml"]  # the same on another cluster is no double
    assert list(duplicate_objects(files)) == []
    (namespace, source, release) = (dict(one) for one in files[f"clusters/{FSN}/db.yaml"])
    other = {**namespace, "metadata": {**namespace["metadata"], "name": "web"}}
    older = {**release, "apiVersion": "helm.toolkit.fluxcd.io/v2beta2"}
    elsewhere = {**source, "metadata": {**source["metadata"], "namespace": "other"}}
    foreign = {**release, "apiVersion": "example.com/v1"}
    files[f"clusters/{FSN}/db.yaml"] = (namespace, source, release, other, older, elsewhere, foreign)
    assert list(duplicate_objects(files)) == [
        ("db", f"HelmRelease flux-system/db would be on {FSN} twice, for db and for db"),
        ("web", f"Namespace web would be on {FSN} twice, for db and for web"),
    ]
