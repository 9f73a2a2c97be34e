"""`tree`, `why`, `outdated` and `update` on a repository that is resolved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from reconciler.cli.app import app
from reconciler.model.errors import ReconcilerError
from reconciler.model.lock import Requirer
from tests.support.builders import lock_of, package
from tests.support.config_files import SovereignFolder
from tests.support.environment_files import files
from tests.support.own_commits import push_lock

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def sovereign(tmp_path: Path) -> SovereignFolder:
    """A Sovereign whose Environment acme-prod has a shop that needs a database."""
    sovereign = SovereignFolder(tmp_path)
    origin = sovereign.environment("acme-prod", files("shop"))
    lock = lock_of(
        package("db", required_by=[Requirer(application="shop", range="~1.0", in_="bp-shop@1.0.0")]),
        package("shop", depends_on=["db"], required_by=[Requirer(application="shop", range="^1", in_="applications/shop.yaml")]),
    )
    push_lock(origin, tmp_path / "clone", lock)
    return sovereign


def call(sovereign: SovereignFolder, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "-c", str(sovereign.config)])


def test_a_tree_on_a_terminal_and_in_a_pipe(sovereign: SovereignFolder) -> None:
    done = call(sovereign, "tree", "acme-prod")
    assert done.exit_code == 0
    assert [line.strip("│├└─ ") for line in done.stdout.splitlines()] == [
        "acme-prod",
        "shop  bp-shop 1.0.0",
        "db  bp-db 1.0.0  asked for ~1.0",
    ]


def test_a_tree_for_programs_documents_and_eyes(sovereign: SovereignFolder) -> None:
    assert json.loads(call(sovereign, "tree", "acme-prod", "--format", "json").stdout) == {"db": [], "shop": ["db"]}
    assert "  n1 --> n0\n" in call(sovereign, "tree", "acme-prod", "--format", "mermaid").stdout
    picture = ET.fromstring(call(sovereign, "tree", "acme-prod", "--format", "svg").stdout)  # noqa: S314 - our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "shop" in "".join(picture.itertext())


def test_why_names_ranges_and_files(sovereign: SovereignFolder) -> None:
    lines = [line.strip("│├└─ ") for line in call(sovereign, "why", "acme-prod", "db").stdout.splitlines()]
    assert lines == [
        "db is there because",
        "db  bp-db 1.0.0",
        "shop  bp-shop 1.0.0 needs it as ~1.0 (bp-shop@1.0.0), declared as ^1 in applications/shop.yaml",
    ]
    rows = json.loads(call(sovereign, "why", "acme-prod", "db", "--format", "json").stdout)
    assert [(row["application"], row["by"] and row["by"]["range"], row["declared"]) for row in rows] == [
        ("db", None, False),
        ("shop", "~1.0", True),
    ]


def test_what_is_not_there_is_told(sovereign: SovereignFolder) -> None:
    done = call(sovereign, "why", "acme-prod", "shpo")
    assert isinstance(done.exception, ReconcilerError)
    assert str(done.exception) == "acme-prod has no Application shpo (did you mean shop?)"
    sovereign.environment("fresh-prod", files("shop"))
    done = call(sovereign, "tree", "fresh-prod")
    assert isinstance(done.exception, ReconcilerError)
    assert "nothing is resolved yet" in str(done.exception)


@pytest.mark.parametrize("command", ["update", "outdated"])
def test_a_registry_that_is_down_is_no_refusal(sovereign: SovereignFolder, command: str) -> None:
    before = sovereign.head("acme-prod", "resolved")
    done = call(sovereign, command, "acme-prod", "--format", "json")
    if command == "update":
        assert done.exit_code == 3
        assert json.loads(done.stdout)["blocker"]["stage"] == "Resolved"
    else:
        assert isinstance(done.exception, ReconcilerError)
    assert sovereign.head("acme-prod", "resolved") == before
