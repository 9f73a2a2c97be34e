"""Files of a kit that hold nothing of Flux, or hold it in another form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.commands.import_flux import read_manifests
from reconciler.domain.flux_import.importer import Imported, import_flux
from reconciler.domain.flux_import.kit_files import documents_of
from reconciler.formats.yaml.documents import dump
from tests.support.flux_manifests import FSN, origin, release

if TYPE_CHECKING:
    from pathlib import Path

GOOD = dump(origin(), release("bp-web")).decode()
FOREIGN = {
    "a tag": "api_key: !env_var KEY\n",
    "a merge key": "kind: ServiceMonitor\nspec:\n- &a {port: a}\n- {<<: *a, port: b}\n",
    "a template": "{{- if .Values.on }}\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n{{- end }}\n",
    "another template": "a: {% if x %}\n",
    "duplicate keys": "a: 1\na: 2\n",
    "an infinite number": "a: .inf\n",
    "no UTF-8": "a: \udce9\n",
    "a directive": "%YAML 1.1\n---\na: 1\n",
    "more than is read": "a: [" + "1," * 60_000 + "1]\n",
}


def imported(text: str, given: dict[str, str] | None = None) -> Imported:
    return import_flux(documents_of(text, "kit.yaml", given or {}), [FSN])


def config(result: Imported, name: str = "web") -> Any:
    return result.documents[f"applications/{name}.yaml"]["spec"]["config"]


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("order", [1, -1])
def test_what_holds_nothing_of_flux_is_no_error_and_hides_nothing(foreign: str, order: int) -> None:
    result = imported("---\n".join([GOOD, foreign][::order]))
    assert {problem.severity for problem in result.problems} == {"warning"}
    assert {problem.code for problem in result.problems} == {"LeftOut"}
    assert [application.name for application in result.applications] == ["web"]


@pytest.mark.parametrize(
    "broken", ["kind: HelmRelease\nspec: !x {}\n", '{"kind":"HelmRepository", [', "kind: Kustomization\na: .inf\n"]
)
def test_what_may_be_of_flux_is_an_error_in_its_line(broken: str) -> None:
    result = imported(f"{GOOD}---\n{broken}")
    (problem,) = (problem for problem in result.problems if problem.severity == "error")
    assert problem.line > GOOD.count("\n")
    assert [application.name for application in result.applications] == ["web"]


def test_the_lines_of_each_document_are_those_of_the_file() -> None:
    text = f"# words\n{GOOD}---\n---  # and more\n" + dump(release("bp-x", postRenderers=[1])).decode()
    (problem,) = (problem for problem in imported(text).problems if problem.severity == "error")
    assert "postRenderers" in text.split("\n")[problem.line - 1]


@pytest.mark.parametrize("kind", ["List", "HelmReleaseList"])
def test_a_list_is_expanded_with_the_places_of_its_items(kind: str) -> None:
    nested = {
        "apiVersion": "v1",
        "kind": kind,
        "items": [origin(), {"kind": kind, "items": [release("bp-web", postRenderers=[1])]}],
    }
    text = dump(nested).decode()
    result = imported(text)
    assert [application.name for application in result.applications] == ["web"]
    (problem,) = result.problems
    assert "postRenderers" in text.split("\n")[problem.line - 1]


def test_a_kind_that_only_ends_like_a_list_is_told() -> None:
    other = dump({"kind": "AllowList", "metadata": {"name": "x"}, "spec": {}}).decode()
    assert [problem.message for problem in imported(f"{GOOD}---\n{other}").problems] == [
        "AllowList x is left out: only HelmReleases become Applications"
    ]


@pytest.mark.parametrize(
    ("api_version", "of"),
    [("helm.fluxcd.io/v1", "Flux 1"), ("flux.weave.works/v1beta1", "another operator"), ("", "another operator")],
)
def test_a_helmrelease_that_is_not_read_is_told_as_that(api_version: str, of: str) -> None:
    (problem,) = imported(
        dump(release("old") | {"apiVersion": api_version}).decode() + "---\n" + dump(origin()).decode()
    ).problems
    assert problem.message.startswith(f"HelmRelease old is of {of} (")
    assert problem.message.endswith("which is not read: no Application is made of it")


def test_each_encrypted_value_is_an_error_and_no_document_is_made() -> None:
    encrypted = "ENC[AES256_GCM,data:{}=,iv:AAAA,tag:BBBB,type:str]"
    values = {"host": "a", "auth": {"user": encrypted.format("eA"), "more": [encrypted.format("eQ")]}}
    result = imported(dump(origin(), release("bp-web", values=values) | {"sops": {"mac": encrypted}}).decode())
    messages = [problem.message for problem in result.problems if problem.severity == "error"]
    assert [message.partition(" ")[0] for message in messages] == ["spec.config.auth.user", "spec.config.auth.more.0"]
    assert all("encrypted by SOPS" in message for message in messages)
    assert result.skipped == ("bp-web",)
    assert any("sops of web: left out" in p.message.replace("bp-web", "web") for p in result.problems)


def test_a_kustomization_of_flux_that_changes_what_it_applies_is_told() -> None:
    spec = {"path": "./x", "patches": [{"patch": "x"}], "targetNamespace": "y", "postBuild": {"substitute": {"A": "b"}}}
    document = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "apps"},
        "spec": spec,
    }
    result = imported(dump(origin(), release("bp-web"), document).decode())
    assert [(p.severity, p.message.partition(" ")[0]) for p in result.problems] == [
        ("warning", "Kustomization"),
        ("error", "spec.patches"),
        ("error", "spec.targetNamespace"),
    ]


def test_the_values_are_those_that_flux_installs() -> None:
    text = GOOD + "  values:\n    mode: 0775\n    quoted: '0775'\n    script: echo \"$${HOSTNAME}\" ${NAME}\n    size: ${SIZE}\n"
    assert config(imported(text, {"NAME": "x", "SIZE": "1_0"})) == {
        "mode": 509,
        "quoted": "0775",
        "script": 'echo "$${HOSTNAME}" x',
        "size": 10,
    }


def test_where_substitution_is_disabled_nothing_is_substituted() -> None:
    off = release("bp-off", values={"a": "${NAME} $${NAME}"})
    off["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    on = release("bp-on", values={"a": "${NAME}"})
    result = imported(dump(origin(), off, on).decode(), {"NAME": "x"})
    assert (config(result, "off"), config(result, "on")) == ({"a": "$${NAME} $$${NAME}"}, {"a": "x"})


def test_charts_are_left_out_whole_with_one_word_each(tmp_path: Path) -> None:
    chart = tmp_path / "charts" / "mine"
    (chart / "templates").mkdir(parents=True)
    (chart / "charts" / "inner").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\n")
    (chart / "charts" / "inner" / "Chart.yaml").write_text("apiVersion: v2\n")
    (chart / "templates" / "hr.yaml").write_text("kind: HelmRelease\nmetadata: {name: {{ .Release.Name }}}\n")
    (tmp_path / "kit.yaml").write_text(GOOD)
    result = import_flux(read_manifests(tmp_path, {}), [FSN])
    assert [(p.severity, p.file, p.message.partition(":")[2]) for p in result.problems] == [
        ("warning", str(chart / "Chart.yaml"), " its 3 files are left out, as Flux does not apply them by themselves")
    ]
    assert [application.name for application in result.applications] == ["web"]
