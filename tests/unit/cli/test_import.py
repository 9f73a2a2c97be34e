"""`reconciler import flux` as a person types it: what is shown, what is written, and what is never written over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from reconciler.cli.app import app
from reconciler.formats.yaml.documents import dump
from reconciler.model.errors import ConfigurationError
from tests.support.flux_manifests import DNS, FSN, origin, release

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


def call(*arguments: str | Path) -> Result:
    """Run a command in this process; a ReconcilerError is what `main` makes exit code 3 of."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, (SystemExit, ConfigurationError)):
        raise result.exception
    return result


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A kit of two folders, with files of both endings and some that are none of its own."""
    folder = tmp_path / "kit"
    (folder / "later").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "02-dns.yaml").write_text(DNS)
    (folder / "later" / "01-certs.yml").write_bytes(dump(origin(), release("bp-certs", after=["bp-mesh"])))
    (folder / "00-mesh.yaml").write_bytes(dump(release("bp-mesh")))
    (folder / "README.md").write_text("kind: [")
    (folder / ".git" / "config.yaml").write_text("kind: [")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {f.relative_to(folder).as_posix(): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_nothing_is_written_until_it_is_told_where(kit: Path) -> None:
    before = files(kit.parent)
    done = call("import", "flux", kit, "--placement", FSN, "--set", "DOMAIN=acme.example")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "applications/mesh.yaml\tbp-mesh\t1.0.0\tbp-mesh\t"
    assert "applications/dns.yaml\tbp-dns\t1.1.2\tbp-dns\tbp-certs, bp-mesh" in lines
    assert f"{kit}/02-dns.yaml:3:1: warning: Namespace dns is left out" in done.stdout
    assert lines[-2:] == [
        "catalogs to configure: registry.example/openova",
        "3 Applications of 3 HelmReleases; nothing is written without --output DIR",
    ]
    assert files(kit.parent) == before


def test_what_is_written_is_valid_and_is_written_once(kit: Path, tmp_path: Path) -> None:
    arguments = ("import", "flux", kit, "--placement", FSN, "--set", "DOMAIN=acme.example", "--output", tmp_path / "out")
    done = call(*arguments)
    assert done.exit_code == 0
    assert done.stdout.endswith(f"3 Applications of 3 HelmReleases; 4 files written to {tmp_path}/out, 0 as they were\n")
    written = files(tmp_path / "out")
    assert sorted(written) == ["applications/certs.yaml", "applications/dns.yaml", "applications/mesh.yaml", "environment.yaml"]
    assert "acme.example" in written["applications/dns.yaml"]
    valid = call("validate", tmp_path / "out")
    assert (valid.exit_code, valid.stdout) == (0, "1 checked, all valid\n")
    assert call(*arguments).stdout.endswith("0 files written to " + f"{tmp_path}/out, 4 as they were\n")


def test_what_a_person_wrote_is_not_written_over(kit: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "applications").mkdir(parents=True)
    (out / "applications" / "mesh.yaml").write_text("mine")
    arguments = ("import", "flux", kit, "--placement", FSN, "--set", "DOMAIN=acme.example", "--output", out)
    done = call(*arguments)
    assert done.exit_code == 1
    assert f"{out}/applications/mesh.yaml: error: exists with other content; nothing was written" in done.stdout
    assert files(out) == {"applications/mesh.yaml": "mine"}
    assert call(*arguments, "--force").exit_code == 0
    assert len(files(out)) == 4
    assert "mine" not in files(out)["applications/mesh.yaml"]


def test_errors_are_exit_code_1_and_leave_the_rest(kit: Path, tmp_path: Path) -> None:
    done = call("import", "flux", kit, "--output", tmp_path / "out")
    assert done.exit_code == 1
    assert f"{kit}/02-dns.yaml:50:9: error: spec.values.domainFilters.0 contains ${{DOMAIN}}" in done.stdout
    assert "no Application was made of: bp-dns\n" in done.stdout
    assert sorted(files(tmp_path / "out")) == ["applications/certs.yaml", "applications/mesh.yaml"]


def test_json_has_the_graph_that_was_read(kit: Path) -> None:
    done = call("import", "flux", kit, "--format", "json")
    said = json.loads(done.stdout)
    assert done.exit_code == 1
    assert said["graph"] == {"bp-certs": ["bp-mesh"], "bp-dns": ["bp-certs", "bp-mesh"], "bp-mesh": []}
    assert said["skipped"] == ["bp-dns"]
    assert said["catalogs"] == ["registry.example/openova"]
    assert said["applications"][0] == {
        "name": "mesh",
        "helmRelease": "bp-mesh",
        "blueprint": "bp-mesh",
        "version": "1.0.0",
        "file": "applications/mesh.yaml",
    }
    assert said["documents"]["applications/mesh.yaml"]["kind"] == "Application"
    assert said["written"] == []
    assert {p["code"] for p in said["problems"]} >= {"UnresolvedPlaceholder", "NoPlacement", "LeftOut"}


def test_a_file_that_cannot_be_parsed_is_named(kit: Path) -> None:
    (kit / "broken.yaml").write_text("kind: HelmRelease\na: [")
    (kit / "latin.yaml").write_bytes("kind: HelmRelease\na: caf\u00e9".encode("latin-1"))
    (kit / "other.yaml").write_text("a: [")
    done = call("import", "flux", kit, "--set", "DOMAIN=x")
    assert done.exit_code == 1
    assert f"{kit}/broken.yaml:2:5: error: not YAML" in done.stdout
    assert f"{kit}/latin.yaml:2: error: byte 24 is not UTF-8" in done.stdout
    assert f"{kit}/other.yaml:1:5: warning: is left out, as it holds nothing of Flux: not YAML" in done.stdout
    assert "3 Applications of 3 HelmReleases" in done.stdout


@pytest.mark.parametrize("words", ["", "/nowhere", "{kit} --set DOMAIN", "{kit} --set 1=a", "{kit}/02-dns.yaml"])
def test_wrong_use_is_exit_code_2(kit: Path, words: str) -> None:
    assert call("import", "flux", *words.format(kit=kit).split()).exit_code == 2


def test_a_folder_that_cannot_be_written_to_is_a_fault(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("import", "flux", kit, "--output", tmp_path / "file")
    assert isinstance(done.exception, ConfigurationError)
    assert f"{tmp_path}/file" in str(done.exception)
