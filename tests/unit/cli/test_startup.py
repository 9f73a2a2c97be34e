"""A command imports no library that it does not use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

from reconciler.cli.app import COMMANDS, app
from reconciler.model.lock import Requirer
from tests.support.builders import lock_of, package
from tests.support.config_files import SovereignFolder, reconciler_environment
from tests.support.environment_files import files
from tests.support.own_commits import push_lock
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Libraries that take more than a few milliseconds to import.
HEAVY: Final = frozenset(
    {
        "cel",
        "cronsim",
        "cryptography",
        "httpx",
        "jsonschema_rs",
        "kubernetes",
        "nodesemver",
        "oras",
        "prometheus_client",
        "pydantic_settings",
        "pygit2",
        "requests",
        "resolvelib",
        "rich.console",
        "sh",
        "starlette",
        "stamina",
        "structlog",
        "urllib3",
        "uvicorn",
        "yaml",
    }
)
YAML: Final = frozenset({"yaml"})
LOGS: Final = frozenset({"structlog", "rich.console"})  # structlog's tracebacks take rich where it is installed
CONFIGURED: Final = YAML | LOGS | {"pydantic_settings"}
GIT: Final = frozenset({"pygit2", "stamina"})
RESOLVING: Final = frozenset({"resolvelib", "jsonschema_rs", "cronsim"})

# What each command may have imported when its help is printed.
ALLOWED: Final = {
    "validate": YAML,
    "plan": CONFIGURED | RESOLVING,
    "once": CONFIGURED | RESOLVING,
    "run": CONFIGURED | RESOLVING | {"prometheus_client", "starlette", "uvicorn", "httpx", "stamina"},
    "init": CONFIGURED | {"httpx", "stamina"},
    "status": CONFIGURED,
    "explain": CONFIGURED | RESOLVING,
    "audit": CONFIGURED | {"cronsim"},
    "why": CONFIGURED,
    "tree": CONFIGURED,
    "outdated": CONFIGURED | RESOLVING,
    "update": CONFIGURED | RESOLVING,
    "promote": CONFIGURED | RESOLVING,
    "publish": YAML | LOGS,
    "schemas": YAML | {"pydantic_settings"},
    "import": YAML | {"jsonschema_rs"},
}

PROBE: Final = """
import atexit, json, sys
sys.argv = ["reconciler", *{arguments!r}]
atexit.register(lambda: print("imported:" + json.dumps(sorted(set({heavy!r}) & set(sys.modules))), file=sys.stderr))
from reconciler.cli.main import main
main()
"""


def imported(arguments: Sequence[str | Path], *, exit_code: int = 0) -> frozenset[str]:
    """The heavy libraries that a run of the command imports, in a process of its own."""
    code = PROBE.format(arguments=[str(argument) for argument in arguments], heavy=sorted(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: value for name, value in reconciler_environment().items() if name not in {"FORCE_COLOR", "TTY_COMPATIBLE"}},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == exit_code, done.stderr
    return frozenset(json.loads(done.stderr.rpartition("imported:")[2]))


def test_the_help_of_all_imports_nothing_heavy() -> None:
    assert imported(["--help"]) == frozenset()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_imports_what_it_may(name: str) -> None:
    assert imported([name, "--help"]) - ALLOWED[name] == frozenset()


def test_a_library_that_is_imported_is_seen() -> None:
    assert imported(["plan", "--help"]) - ALLOWED["validate"] >= {"structlog", "resolvelib"}


def test_each_command_is_in_the_table() -> None:
    assert list(ALLOWED) == list(COMMANDS)


@pytest.mark.parametrize("format_", ["text", "json", "sarif"])
def test_validating_a_folder_imports_no_more(format_: str) -> None:
    assert imported(["validate", "fixtures/environments/acme-prod", "--format", format_]) - YAML == frozenset()


def test_reading_an_environment_imports_git_and_no_other_client(tmp_path: Path) -> None:
    sovereign = SovereignFolder(tmp_path)
    origin = sovereign.environment("acme-prod", files("shop"))
    lock = lock_of(package("shop", required_by=[Requirer(application="shop", range="^1", in_="applications/shop.yaml")]))
    push_lock(origin, tmp_path / "clone", lock)
    for command in (["tree", "acme-prod"], ["why", "acme-prod", "shop"]):
        assert imported([*command, "-c", sovereign.config]) - CONFIGURED - GIT == frozenset()
    assert imported(["status", "-c", sovereign.config], exit_code=1) - CONFIGURED - GIT == frozenset()


def test_the_versions_import_no_client_of_a_server() -> None:
    assert imported(["--version"]) - GIT - {"sh"} == frozenset()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_the_first_sentence_of_the_help(name: str) -> None:
    help_ = CliRunner().invoke(app, [name, "--help"], terminal_width=1_000).output
    text = " ".join(help_.split("\n\n", 1)[1].split())
    assert re.split(r"(?<=\.) ", text)[0] == COMMANDS[name].summary
