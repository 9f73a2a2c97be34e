"""The examples that demo, documentation and tests share are what they claim to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.chart_packager import pack_chart
from reconciler.commands.validate import load_blueprint_folder, validate_path
from reconciler.domain.versions import satisfies
from reconciler.formats.helm_archive import read_archive
from reconciler.formats.yaml.documents import load
from reconciler.model.blueprint import Blueprint, short_name
from reconciler.services.policies.trust_policy_loader import read_policies
from tests.support.paths import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = sorted(p.parent for p in FIXTURES.glob("catalog/*/blueprint.yaml"))
OTHERS = sorted(p.parent for p in FIXTURES.glob("[!ce]*/*/blueprint.yaml")) + sorted(
    p.parent for p in FIXTURES.glob("catalog-next/*/blueprint.yaml")
)
ENVIRONMENTS = sorted(p.parent for p in FIXTURES.glob("environments/*/environment.yaml"))


def name(folder: Path) -> str:
    return folder.relative_to(FIXTURES).as_posix()


def blueprint(folder: Path) -> Blueprint:
    found, problems, _ = load_blueprint_folder(folder)
    assert found is not None, problems
    return found


@pytest.fixture(scope="module")
def published() -> dict[str, list[str]]:
    """All versions of every Blueprint of the catalog, by name."""
    versions: dict[str, list[str]] = {}
    for folder in (*CATALOG, *OTHERS):
        one = blueprint(folder)
        versions.setdefault(one.name, []).append(one.version)
    return versions


def test_the_trust_policy_is_one() -> None:
    policies = read_policies(FIXTURES / "trust")
    (one,) = policies.matching("registry.example/openova/bp-shop")
    key, identity = (policies.signer(authority) for authority in one.spec.authorities)
    assert key.key.startswith("-----BEGIN PUBLIC KEY-----")
    assert json.loads(identity.root)["certificateAuthorities"]


def test_nothing_lies_about_that_is_no_fixture() -> None:
    folders = {p for kind in ("catalog", "catalog-next", "environments", "hostile") for p in (FIXTURES / kind).iterdir()}
    assert folders == {*CATALOG, *OTHERS, *ENVIRONMENTS}
    assert (len(CATALOG), len(ENVIRONMENTS)) == (39, 3)


@pytest.mark.parametrize("folder", [*CATALOG, *OTHERS, *ENVIRONMENTS], ids=name)
def test_every_folder_is_valid_without_a_warning(folder: Path) -> None:
    assert validate_path(folder) == ()


@pytest.mark.parametrize("folder", [*CATALOG, *OTHERS], ids=name)
def test_a_blueprint_lies_in_a_folder_of_its_name_and_packs(folder: Path) -> None:
    one = blueprint(folder)
    assert short_name(one.name) == folder.name
    files = read_archive(pack_chart(folder / "chart", folder.name))
    assert {"Chart.yaml", "values.yaml"} <= files.keys()
    assert any(path.startswith("templates/") for path in files)


@pytest.mark.parametrize("folder", [*CATALOG, *OTHERS], ids=name)
def test_what_a_blueprint_depends_on_exists(folder: Path, published: dict[str, list[str]]) -> None:
    for dependency in blueprint(folder).spec.depends:
        assert any(satisfies(version, dependency.version) for version in published.get(dependency.name, [])), dependency


def test_dependencies_of_the_catalog_go_in_no_circle() -> None:
    needs = {b.name: {d.name for d in b.spec.depends} for b in map(blueprint, CATALOG)}
    while ready := {one for one, others in needs.items() if not others & needs.keys()}:
        needs = {one: others for one, others in needs.items() if one not in ready}
    assert needs == {}


@pytest.mark.parametrize("folder", ENVIRONMENTS, ids=name)
def test_an_environment_wants_what_exists(folder: Path, published: dict[str, list[str]]) -> None:
    files = sorted((folder / "applications").glob("*.yaml"))
    assert files
    for file in files:
        wish = load(file.read_bytes(), file.name).data["spec"]["blueprint"]
        assert any(satisfies(version, wish["version"]) for version in published.get(wish["name"], [])), file


def test_catalog_next_has_something_newer() -> None:
    for folder in FIXTURES.glob("catalog-next/*"):
        old, new = blueprint(FIXTURES / "catalog" / folder.name), blueprint(folder)
        assert new.name == old.name
        assert satisfies(new.version, f">{old.version}")
