"""From a directory of Flux objects to an Environment's documents: what is carried over, and what is told."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.flux_import.importer import Imported, import_flux
from reconciler.domain.flux_import.substitutions import substitute
from reconciler.domain.validation.environment import validate
from reconciler.formats.yaml.documents import dump, load, load_all
from tests.support.flux_manifests import DNS, FSN, NBG, chart, origin, release

if TYPE_CHECKING:
    from reconciler.model.problem import Problem


def imported(*documents: dict[str, Any], clusters: tuple[str, ...] = (FSN,)) -> Imported:
    return import_flux(load_all(dump(origin(), *documents), "kit.yaml"), clusters)


def application(result: Imported, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = result.documents[f"applications/{name}.yaml"]["spec"]
    return spec


def told(result: Imported, *but: str) -> list[str]:
    return [f"{p.severity} {p.code}: {p.message}" for p in result.problems if p.code not in but]


def one_problem(result: Imported) -> Problem:
    (problem,) = result.problems
    return problem


# A whole kit


def kit(domain: str = "${DOMAIN}") -> Imported:
    others = dump(release("bp-mesh"), release("bp-certs", after=["bp-mesh"]))
    files = [(DNS, "kit/02-dns.yaml"), (others.decode(), "kit/01-others.yaml")]
    given = {} if "$" in domain else {"DOMAIN": domain}
    return import_flux([one for text, file in files for one in load_all(substitute(text, given).encode(), file)], [FSN])


def test_a_helmrelease_becomes_an_application_of_its_chart_with_its_values_as_config() -> None:
    assert kit("acme.example").documents["applications/dns.yaml"] == {
        "apiVersion": "catalyst.openova.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "dns"},
        "spec": {
            "blueprint": {"name": "bp-dns", "version": "1.1.2"},
            "config": {"domainFilters": ["acme.example"], "txtPrefix": "_dns.", "metrics": {"enabled": None}},
        },
    }


def test_an_environment_is_made_of_the_names_of_its_clusters() -> None:
    result = imported(release("bp-dns"), clusters=(FSN, NBG))
    assert result.documents["environment.yaml"] == {
        "apiVersion": "catalyst.openova.io/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": "acme-prod"},
        "spec": {
            "organization": "acme",
            "envType": "prod",
            "placements": [{"cluster": FSN, "region": "fsn"}, {"cluster": NBG, "region": "nbg"}],
        },
    }


def test_the_documents_are_valid_as_they_are_written() -> None:
    documents = kit("acme.example").documents
    wish, problems = validate({file: load(dump(data), file) for file, data in documents.items()})
    assert wish is not None
    assert problems == ()
    assert sorted(wish.declared) == ["certs", "dns", "mesh"]


def test_the_graph_is_the_kits_own() -> None:
    result = kit()
    assert result.graph == {"bp-certs": ("bp-mesh",), "bp-dns": ("bp-certs", "bp-mesh"), "bp-mesh": ()}
    assert result.catalogs == ("registry.example/openova",)


def test_all_that_is_lost_of_a_file_is_told_with_its_place() -> None:
    found = {p.place.removeprefix("kit/"): (p.severity, p.code) for p in kit("acme.example").problems if "dns" in p.file}
    assert found == {
        "02-dns.yaml:3:1": ("warning", "LeftOut"),  # the Namespace
        "02-dns.yaml:31:3": ("warning", "DependsOn"),
        "02-dns.yaml:45:5": ("warning", "LeftOut"),  # install.disableWait
    }


def test_a_placeholder_that_nobody_fills_in_keeps_an_application_from_being_made() -> None:
    result = kit()
    assert sorted(result.documents) == ["applications/certs.yaml", "applications/mesh.yaml", "environment.yaml"]
    assert result.skipped == ("bp-dns",)
    (problem,) = (p for p in result.problems if p.severity == "error")
    assert (problem.place, problem.code, problem.hint) == (
        "kit/02-dns.yaml:50:9",
        "UnresolvedPlaceholder",
        "give --set DOMAIN=VALUE",
    )


def test_the_default_of_a_placeholder_is_offered() -> None:
    result = imported(release("bp-dns", values={"a": "${SIZE:=small}"}))
    assert one_problem(result).hint == "give --set SIZE=small"


def test_a_placeholder_in_a_key_a_name_or_a_version_is_told_too() -> None:
    chart = {"chart": "bp-a", "version": "${VERSION}", "sourceRef": {"kind": "HelmRepository", "name": "openova"}}
    result = imported(release("bp-k", values={"${KEY}": 1}), release("bp-${NAME}"), release("bp-v", chart={"spec": chart}))
    assert result.skipped == ("bp-k", "bp-${NAME}", "bp-v")
    hints = {p.hint for p in result.problems if p.code == "UnresolvedPlaceholder"}
    assert hints == {f"give --set {name}=VALUE" for name in ("KEY", "NAME", "VERSION")}


@pytest.mark.parametrize("word", ["off", "No", "y"])
def test_a_word_that_flux_took_for_a_boolean_is_told(word: str) -> None:
    result = imported(release("bp-dns", values={"tls": word, "other": "offer"}))
    assert application(result, "dns")["config"]["tls"] == word
    assert told(result) == [f"warning Boolean: spec.values.tls is {word}: to Flux a boolean unless it is quoted, here a string"]


def test_a_secret_in_values_is_told_where_it_stands_in_the_kit_and_never_repeated() -> None:
    result = imported(release("bp-dns", values={"auth": {"adminPassword": "hunter2hunter2"}}))
    assert result.skipped == ("bp-dns",)
    problem = one_problem(result)
    assert (problem.file, problem.code) == ("kit.yaml", "PlaintextSecret")
    assert problem.line > 1
    assert "hunter2" not in str(problem)


def test_suspend_is_carried_over() -> None:
    assert application(imported(release("bp-dns", suspend=True)), "dns")["suspend"] is True


@pytest.mark.parametrize(
    ("version", "written"), [(None, "*"), ("*", "*"), ("1.x", "1.x"), (">= 1.2, < 2", ">=1.2 <2"), ("^1.1", "^1.1")]
)
def test_a_version_that_is_not_pinned_is_carried_over_with_a_warning(version: str | None, written: str) -> None:
    result = imported(release("bp-dns", chart=chart("bp-dns", version)))
    assert application(result, "dns")["blueprint"]["version"] == written
    assert [(p.severity, p.code) for p in result.problems] == [("warning", "Unpinned")]


@pytest.mark.parametrize(("version", "words"), [(1.1, "quote it"), ("newest!", "not a version range")])
def test_what_is_no_version_gives_no_application(version: Any, words: str) -> None:
    result = imported(release("bp-dns", chart=chart("bp-dns", version)))
    assert result.skipped == ("bp-dns",)
    assert words in str(one_problem(result))


def test_a_chart_may_be_called_otherwise_than_its_helmrelease() -> None:
    result = imported(release("bp-dns", chart=chart("bp-powerdns")))
    assert application(result, "dns")["blueprint"]["name"] == "bp-powerdns"


@pytest.mark.parametrize(
    ("name", "kind", "url", "blueprint"),
    [
        ("podinfo", "HelmRepository", "https://charts.example", "bp-podinfo"),
        ("bp-web", "HelmRepository", "https://charts.example", "bp-web"),
        ("podinfo", "HelmRepository", "oci://registry.example/charts", "bp-podinfo"),
        ("./charts/podinfo/", "GitRepository", "https://git.example/charts.git", "bp-podinfo"),
    ],
)
def test_a_chart_that_is_no_blueprint_is_told(name: str, kind: str, url: str, blueprint: str) -> None:
    documents = (origin(kind, url=url), release("web", chart=chart(name, kind=kind)))
    result = import_flux(load_all(dump(*documents), "kit.yaml"), [FSN])
    assert application(result, "web")["blueprint"]["name"] == blueprint
    assert [(p.severity, p.code) for p in result.problems] == [("warning", "NotABlueprint")]


@pytest.mark.parametrize(
    ("ref", "version", "codes"),
    [
        ({"tag": "1.2.3"}, "1.2.3", []),
        ({"semver": "1.x"}, "1.x", ["Unpinned"]),
        ({"tag": "latest"}, "*", ["Unpinned"]),
        ({}, "*", ["Unpinned"]),
        ({"tag": "1.2.3", "digest": "sha256:" + "0" * 64}, "1.2.3", ["LeftOut"]),
    ],
)
def test_a_chart_may_come_by_reference_to_an_ocirepository(ref: dict[str, str], version: str, codes: list[str]) -> None:
    where = origin("OCIRepository", "dns", url="oci://registry.example/other/bp-dns", ref=ref)
    reference = {"kind": "OCIRepository", "name": "dns", "namespace": "flux-system"}
    result = imported(where, release("bp-dns", chart=None, chartRef=reference))
    assert application(result, "dns")["blueprint"] == {"name": "bp-dns", "version": version}
    assert [p.code for p in result.problems] == codes
    assert result.catalogs == ("registry.example/other",)


def test_or_to_a_helmchart() -> None:
    where = origin("HelmChart", "dns") | {"spec": chart("bp-dns", "1.4.0")["spec"]}
    result = imported(where, release("bp-dns", chart=None, chartRef={"kind": "HelmChart", "name": "dns"}))
    assert application(result, "dns")["blueprint"] == {"name": "bp-dns", "version": "1.4.0"}
    assert result.problems == ()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"chart": None}, "neither chart.spec nor chartRef"),
        ({"chart": None, "chartRef": {"kind": "OCIRepository", "name": "x"}}, "OCIRepository x, which is not in the kit"),
        ({"chart": chart(None)}, "cannot be a Blueprint's name"),
        ({"chart": chart("Web_App")}, "cannot be a Blueprint's name"),
        ({"chart": chart(7)}, "cannot be a Blueprint's name"),
    ],
)
def test_without_a_chart_there_is_no_application(spec: dict[str, Any], words: str) -> None:
    result = imported(release("bp-dns", **spec))
    assert result.skipped == ("bp-dns",)
    assert words in one_problem(result).message


def test_a_source_that_is_not_in_the_kit_is_told() -> None:
    result = import_flux(load_all(dump(release("bp-dns")), "kit.yaml"), [FSN])
    assert told(result) == ["warning NotInKit: HelmRepository openova is not in the kit: its catalog is unknown"]
    assert result.catalogs == ()


# Names


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("kube-prometheus-stack", "bp-kube-prometheus-stack"),
        ("bp-default", "bp-default"),
        ("kustomization", "bp-kustomization"),
        ("9lives", "bp-9lives"),
    ],
)
def test_a_reserved_name_gives_way_to_the_full_one(name: str, becomes: str) -> None:
    result = imported(release(name))
    assert f"applications/{becomes}.yaml" in result.documents
    assert any(f"becomes the Application {becomes}: the name" in line for line in told(result))


def test_of_two_with_one_name_the_second_gives_way() -> None:
    result = imported(release("bp-web"), release("web"), release("web", namespace="team"), release("bp-web", namespace="team"))
    assert [one.name for one in result.applications] == ["web", "bp-web", "team-web"]
    assert result.skipped == ("team/bp-web",)
    assert sorted(result.graph) == ["flux-system/bp-web", "flux-system/web", "team/bp-web", "team/web"]


@pytest.mark.parametrize("name", ["web.shop", "w" * 60])
def test_a_name_that_cannot_be_an_applications_is_an_error(name: str) -> None:
    result = imported(release(name, namespace=None, chart=chart("bp-web")))
    assert result.skipped == (name,)
    assert any(line.startswith(f"error InvalidName: no Application is made of {name}") for line in told(result))


def test_a_helmrelease_that_stands_twice_is_read_once() -> None:
    result = imported(release("bp-web"), release("bp-web", values={"a": 1}))
    assert "config" not in application(result, "web")
    assert [line for line in told(result) if line.startswith("error Duplicate")]


# Dependencies


def test_a_dependency_is_found_with_and_without_its_namespace() -> None:
    result = imported(
        release("bp-a", namespace="one"),
        release("bp-b", namespace="two", after=["bp-a", {"name": "bp-a", "namespace": "one"}]),
        release("bp-c", namespace=None, after=["bp-a", "bp-b"]),
        release("bp-d", namespace="two", after=[{"name": "bp-c", "namespace": "flux-system"}, "bp-b"]),
    )
    assert result.graph == {
        "bp-a": (),
        "bp-b": ("bp-a",),
        "bp-c": ("bp-a", "bp-b"),
        "bp-d": ("bp-b", "bp-c"),
    }


def test_a_dependency_that_is_not_in_the_kit_stays_in_the_graph_and_is_told() -> None:
    result = imported(release("bp-a", after=["bp-gone", {"name": "far", "namespace": "other"}]))
    assert result.graph == {"bp-a": ("bp-gone", "other/far")}
    assert [(p.code, p.severity) for p in result.problems] == [("NotInKit", "warning")] * 2


def test_a_circle_is_named_whole() -> None:
    result = imported(release("bp-a", after=["bp-b"]), release("bp-b", after=["bp-c"]), release("bp-c", after=["bp-a"]))
    (problem,) = (p for p in result.problems if p.code == "Cycle")
    circle = problem.message.partition("circle: ")[2].split(" -> ")
    assert circle[0] == circle[-1]
    assert all(following in result.graph[name] for name, following in pairwise(circle))


@pytest.mark.parametrize("entry", [{}, {"name": 7}, "word-list"])
def test_a_dependency_that_names_nothing_is_an_error(entry: Any) -> None:
    given = release("bp-a")
    given["spec"]["dependsOn"] = [entry]
    assert [p.code for p in imported(given).problems] == ["MissingField"]


def test_a_dependency_that_goes_by_its_blueprints_name_needs_no_bind() -> None:
    result = imported(release("bp-db"), release("bp-web", after=["bp-db"]))
    assert "bind" not in application(result, "web")
    (line,) = told(result)
    assert line == "warning DependsOn: dependsOn is not written: bp-web comes after bp-db only if its Blueprint depends on them"


def test_one_that_goes_by_another_name_is_bound() -> None:
    shared = release("shop-db", chart=chart("bp-postgres"))
    result = imported(shared, release("bp-web", after=["shop-db"]))
    assert application(result, "web")["bind"] == {"postgres": "shop-db"}
    (problem,) = (p for p in result.problems if p.code == "Bound")
    assert problem.message == "web is bound to shop-db by the key postgres"
    assert "alias" in problem.hint


def test_of_two_of_one_blueprint_the_first_is_bound_and_the_other_told() -> None:
    both = [release(name, chart=chart("bp-postgres")) for name in ("first-db", "other-db")]
    result = imported(*both, release("bp-web", after=["first-db", "other-db"]))
    assert application(result, "web")["bind"] == {"postgres": "first-db"}
    assert any("by the key postgres, not to other-db" in line for line in told(result))


def test_nothing_is_bound_to_what_was_not_made() -> None:
    result = imported(release("shop-db", chart=chart("bp-postgres", "newest!")), release("bp-web", after=["shop-db"]))
    assert "bind" not in application(result, "web")


# What is lost


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"valuesFrom": [{"kind": "Secret", "name": "web", "valuesKey": "v"}]}, "values from Secret web (key v)"),
        ({"valuesFrom": [{"kind": "ConfigMap", "name": "web"}]}, "values from ConfigMap web,"),
        ({"postRenderers": [{"kustomize": {}}]}, "postRenderers of bp-web"),
        ({"kubeConfig": {"secretRef": {"name": "other"}}}, "kubeConfig of bp-web"),
        ({"chart": chart("bp-web", valuesFiles=["values-prod.yaml"])}, "chart.spec.valuesFiles of bp-web"),
    ],
)
def test_without_which_something_else_would_run_is_an_error(spec: dict[str, Any], words: str) -> None:
    result = imported(release("bp-web", **spec))
    problem = one_problem(result)
    assert problem.severity == "error"
    assert words in problem.message
    assert problem.hint
    assert "applications/web.yaml" in result.documents


def test_the_rest_is_one_warning_for_each_helmrelease() -> None:
    wish = release(
        "bp-web",
        interval="1h",
        timeout="15m",
        install={"crds": "Create", "remediation": {"retries": 3}},
        upgrade={"remediation": {"retries": 5}},
        driftDetection={"mode": "warn"},
        storageNamespace="flux-system",
    )
    wish["metadata"] |= {"labels": {"a": "b"}}
    (line,) = told(imported(wish))
    names = "metadata.labels, timeout, install.crds, upgrade.remediation, driftDetection"
    assert line == f"warning LeftOut: {names} of bp-web: left out"


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ({"targetNamespace": "web-system"}, "web in web-system"),
        ({"releaseName": "shop"}, "shop in web"),
        ({"releaseName": None}, "web-bp-web in web"),
        ({"releaseName": None, "targetNamespace": None}, "bp-web in flux-system"),
    ],
)
def test_a_release_that_moves_is_told(spec: dict[str, Any], there: str) -> None:
    (line,) = told(imported(release("bp-web", **spec)))
    assert line == f"warning Moves: web is installed anew, in a Namespace of that name: the kit has it as {there}"


@pytest.mark.parametrize("kind", ["Namespace", "ConfigMap", "Kustomization"])
def test_other_kinds_are_left_out_and_told(kind: str) -> None:
    other = {"apiVersion": "example.org/v1", "kind": kind, "metadata": {"name": "x"}}
    result = imported(other, release("bp-web"))
    assert told(result) == [f"warning LeftOut: {kind} x is left out: only HelmReleases become Applications"]


def test_a_helmrelease_of_another_operator_is_left_out() -> None:
    result = imported(release("bp-web") | {"apiVersion": "helm.fluxcd.io/v1"})
    assert result.graph == {}
    assert [p.code for p in result.problems] == ["LeftOut"]


def test_a_repository_with_rules_of_its_own_is_told() -> None:
    result = import_flux(load_all(dump(origin(certSecretRef={"name": "ca"}), release("bp-web")), "kit.yaml"), [FSN])
    assert told(result) == ["warning LeftOut: spec.certSecretRef of HelmRepository openova is left out"]


def test_a_kustomization_that_changes_or_leaves_out_files_is_told() -> None:
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["a.yaml", "../c/c.yaml"],
        "patches": [{"path": "p.yaml"}],
    }
    files = {
        "kit/a.yaml": release("bp-a"),
        "kit/b.yaml": release("bp-b"),
        "c/c.yaml": release("bp-c"),
        "kit/k.yaml": kustomization,
    }
    sources = [load(dump(origin()), "kit/openova.yaml"), *(load(dump(data), file) for file, data in files.items())]
    result = import_flux(sources, [FSN])
    assert [(p.file, p.code, p.severity) for p in result.problems] == [
        ("kit/b.yaml", "NotListed", "warning"),
        ("kit/k.yaml", "LeftOut", "error"),
    ]


# Where it is to run


def test_without_a_cluster_there_is_no_environment() -> None:
    result = imported(release("bp-web"), clusters=())
    assert list(result.documents) == ["applications/web.yaml"]
    assert [(p.severity, p.code) for p in result.problems] == [("warning", "NoPlacement")]


@pytest.mark.parametrize(
    ("clusters", "words"),
    [
        (("fsn",), "fsn is not a cluster's name"),
        (("hz-fsn-rtz-prod-flux",), "the organization name flux is reserved"),
        (("hz-fsn-rtz-prod-acme", "hz-fsn-rtz-dev-acme"), "does not belong to this Environment"),
        (("hz-fsn-rtz-live-acme",), "spec.envType is 'live'"),
        ((FSN, FSN), "is placed twice"),
    ],
)
def test_clusters_that_make_no_environment_are_refused(clusters: tuple[str, ...], words: str) -> None:
    result = imported(release("bp-web"), clusters=clusters)
    assert list(result.documents) == ["applications/web.yaml"]
    assert any(words in p.message and p.severity == "error" for p in result.problems)


# Anything at all


@pytest.mark.parametrize("part", ["metadata", "spec"])
@pytest.mark.parametrize(
    "value", [None, [], "word", 7, {}, {"name": []}, {"chart": [], "values": "a", "dependsOn": {}, "install": 1}]
)
def test_nothing_in_a_document_is_too_strange(part: str, value: Any) -> None:
    result = imported(release("bp-web") | {part: value}, {"kind": "HelmRelease"}, {"apiVersion": 1})
    assert any(p.severity == "error" for p in result.problems)
    assert list(result.documents) == ["environment.yaml"]


def test_a_file_that_is_not_yaml_is_told_and_the_rest_imported() -> None:
    sources = [*load_all(b"a: [", "bad.yaml"), *load_all(dump(origin(), release("bp-web")), "kit.yaml")]
    result = import_flux(sources, [FSN])
    assert [(p.file, p.code) for p in result.problems] == [("bad.yaml", "NotYaml")]
    assert "applications/web.yaml" in result.documents


def test_empty_documents_say_nothing() -> None:
    assert import_flux(load_all(b"---\n# words\n---\n", "kit.yaml"), [FSN]).problems == ()


# What is read otherwise outside of values


@pytest.mark.parametrize(
    ("word", "suspended"), [(True, True), ("yes", True), ("On", True), ("no", False), ("off", False), (False, False)]
)
def test_a_release_is_suspended_as_flux_reads_it(word: Any, suspended: bool) -> None:
    assert application(imported(release("bp-dns", suspend=word)), "dns").get("suspend", False) is suspended


@pytest.mark.parametrize("field", ["releaseName", "targetNamespace"])
def test_a_placeholder_in_the_name_of_a_release_is_told(field: str) -> None:
    result = imported(release("bp-dns", **{field: "${TEAM}"}))
    assert [p.hint for p in result.problems if p.code == "UnresolvedPlaceholder"] == ["give --set TEAM=VALUE"]


def test_a_placeholder_in_the_address_of_a_chart_is_told() -> None:
    documents = (origin(url="oci://${REGISTRY}/openova"), release("bp-dns"))
    result = import_flux(load_all(dump(*documents), "kit.yaml"), [FSN])
    assert [p.hint for p in result.problems if p.code == "UnresolvedPlaceholder"] == ["give --set REGISTRY=VALUE"]
