import os
import shlex
from pathlib import Path

import build
import cli
import own_cosign
import pytest
import tools


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, but for the shell's programs."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
    return tmp_path


def program(folder: Path, script: str) -> Path:
    path = folder / "cosign"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def saying(text: str) -> str:
    """A script that answers to `version --json` alone."""
    return f'[ "$*" = "version --json" ] && echo {shlex.quote(text)}'


@pytest.mark.parametrize("version", ["3.0.6", "3.0.10", "3.1.0", "4.0.0", "10.0.0"])
def test_one_that_is_new_enough_is_used(folder: Path, capsys: pytest.CaptureFixture[str], version: str) -> None:
    path = program(folder, saying(f'{{"gitVersion": "v{version}", "gitCommit": "unknown"}}'))

    assert own_cosign.on_path() == path
    assert capsys.readouterr().err == f"  cosign {version} is {path}, on PATH: none is built\n"


@pytest.mark.parametrize("version", ["3.0.5", "2.9.9", "0.99.99"])
def test_one_that_is_too_old_is_not(folder: Path, capsys: pytest.CaptureFixture[str], version: str) -> None:
    path = program(folder, saying(f'{{"gitVersion": "v{version}"}}'))

    assert own_cosign.on_path() is None
    assert capsys.readouterr().err == f"  {path} is cosign {version}, and 3.0.6 is needed: another one is used\n"


@pytest.mark.parametrize(
    "script",
    [
        saying('{"gitVersion": "devel"}'),
        saying("3.1.3"),
        "exit 0",
        saying('{"gitVersion": "v3.1.3"}') + "; exit 1",
        "exec sleep 60",
    ],
    ids=["devel", "no-json", "silent", "failing", "hanging"],
)
def test_one_that_does_not_say_its_version_is_not(folder: Path, capsys: pytest.CaptureFixture[str], script: str) -> None:
    path = program(folder, script)

    assert own_cosign.on_path(patience=2) is None
    assert capsys.readouterr().err == f"  {path} does not say its version: another one is used\n"


def test_one_that_cannot_run_is_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(folder, "").write_bytes(b"\x7fELF of another machine")

    assert own_cosign.on_path() is None
    assert "does not say its version" in capsys.readouterr().err


def test_without_one_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert own_cosign.on_path() is None
    assert capsys.readouterr().err == ""


def test_it_is_known_by_its_whole_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(folder, saying('{"gitVersion": "v3.0.6"}'))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", ".:/usr/bin:/bin")

    assert own_cosign.on_path() == path


def test_a_sandbox_is_told_of_a_program_by_its_absolute_path(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = program(folder, "")

    assert cli._parsed(["up", "--cosign", str(path)]).cosign == path
    for wrong in ("cosign", str(folder / "none")):
        with pytest.raises(SystemExit):
            cli._parsed(["up", "--cosign", wrong])
        assert f"{wrong!r} is not the absolute path of a program" in capsys.readouterr().err


@pytest.mark.live
def test_a_real_one_is_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool = tools.BY_NAME["cosign"]
    (folder / "cosign").symlink_to(build.build([tool])["cosign"].binary)
    capsys.readouterr()

    assert own_cosign.on_path() == folder / "cosign"
    assert capsys.readouterr().err.startswith(f"  cosign {tool.version[1:]} is {folder / 'cosign'}")
