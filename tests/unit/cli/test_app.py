"""What stands before a command: versions, completions, and a name that is mistyped."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

import pygit2
import pytest
from typer.testing import CliRunner

from reconciler import __version__
from reconciler.cli.app import COMMANDS, app
from tests.support.config_files import COSIGN, reconciler_environment
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish")


def run(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        cwd=ROOT,
        env={**reconciler_environment(), **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def completed(shell: str, typed: str) -> set[str]:
    """The words that are offered for the last one of what is typed."""
    words = typed.split(" ")
    variables = {
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": typed,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    lines = run(_RECONCILER_COMPLETE=f"complete_{shell}", **variables).splitlines()
    return {line.removeprefix("_arguments '*: :((").split("\t")[0].split(":")[0].strip('"') for line in lines}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but for the system's shell."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
    return tmp_path


def program(path: Path, text: str) -> None:
    (path / "cosign").write_text(text)
    (path / "cosign").chmod(0o755)


def shown() -> list[str]:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_versions_are_told_one_a_line(path: Path) -> None:
    program(path, COSIGN)
    assert shown() == [
        f"reconciler {__version__}",
        f"Python {platform.python_version()}",
        f"libgit2 {pygit2.LIBGIT2_VERSION}",
        "cosign 3.0.6",
    ]


def test_a_cosign_that_is_not_there_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shown()[-1] == "cosign not found on PATH"


def test_a_cosign_that_is_too_old_is_named(path: Path) -> None:
    program(path, COSIGN.replace("3.0.6", "2.6.0"))
    assert "cosign unusable: " in shown()[-1]
    assert "2.6.0, which is too old" in shown()[-1]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_is_a_script_of_its_shell(shell: str) -> None:
    script = run("--show-completion", shell)
    assert "_RECONCILER_COMPLETE=complete_" + shell in script
    assert "reconciler" in script


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_is_installed_for_its_shell(shell: str, tmp_path: Path) -> None:
    run("--install-completion", shell, HOME=str(tmp_path))
    assert any("_RECONCILER_COMPLETE" in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("shell", SHELLS)
def test_names_of_commands_are_completed(shell: str) -> None:
    assert completed(shell, "reconciler pl") == {"plan"}
    assert completed(shell, "reconciler p") == {name for name in COMMANDS if name.startswith("p")}


def test_options_and_commands_of_commands_are_completed() -> None:
    assert completed("bash", "reconciler validate --f") == {"--format"}
    assert completed("bash", "reconciler --vers") == {"--version"}
    assert completed("bash", "reconciler import f") == {"flux"}


def test_a_mistyped_name_is_suggested() -> None:
    done = CliRunner().invoke(app, ["validte"])
    assert done.exit_code == 2
    assert "Did you mean 'validate'?" in " ".join(done.output.split())
