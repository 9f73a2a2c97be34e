"""Every command as a person types it: output, exit codes, and what goes where."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.testing import CliRunner

from reconciler.adapters.git import Repository
from reconciler.bootstrap.state_lock import state_lock
from reconciler.cli.app import app
from reconciler.cli.console import print_line
from reconciler.cli.problems import by_lines, on_disk, show_problems
from reconciler.model.errors import ReconcilerError
from reconciler.model.layout import CONFIRMED
from reconciler.model.problem import Problem
from tests.support.config_files import SovereignFolder, command, reconciler, reconciler_environment
from tests.support.environment_files import Latch, application, environment, files
from tests.support.git_server import commit, git
from tests.support.paths import ROOT
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

FIXTURES = ROOT / "fixtures"
COMMANDS = (
    "validate",
    "plan",
    "once",
    "run",
    "init",
    "status",
    "explain",
    "audit",
    "why",
    "tree",
    "outdated",
    "update",
    "promote",
    "import",
    "publish",
    "schemas",
)


@pytest.fixture
def sovereign(tmp_path: Path) -> SovereignFolder:
    return SovereignFolder(tmp_path)


def call(*arguments: str | Path, typed: str = "", terminal: bool = False) -> Result:
    """Run a command in this process, which is quicker than a new one. A ReconcilerError is what `main` makes exit code 3 of."""
    env = {"FORCE_COLOR": "1" if terminal else None, "TERM": "dumb"}  # one that knows no colours
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=typed, env=env)
    if result.exception is not None and not isinstance(result.exception, (SystemExit, ReconcilerError)):
        raise result.exception
    return result


def fault(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert isinstance(result.exception, ReconcilerError)
    return str(result.exception)


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_tells_exit_codes(name: str) -> None:
    done = call(name, "--help")
    assert done.exit_code == 0
    assert "exit" in done.output.lower()


def test_the_program_itself_explains_them_all() -> None:
    done = reconciler("--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for words in ("0 all is well", "1 something is refused", "2 the command was used wrongly", "3 something outside"):
        assert words in text
    assert all(name in done.stdout for name in COMMANDS)
    assert set(COMMANDS) == set(typer.main.get_group(app).list_commands(typer.Context(typer.main.get_command(app))))


@pytest.mark.parametrize(
    "words", ["once", "validate", "nonsense", "once -c", "validate x --format xml", "schemas --format sarif"]
)
def test_wrong_use_is_exit_code_2(words: str) -> None:
    assert call(*words.split()).exit_code == 2


# validate


def test_good_folders_are_valid() -> None:
    done = call("validate", FIXTURES / "environments" / "acme-prod", *sorted(FIXTURES.glob("catalog/*")))
    assert done.exit_code == 0, done.output
    assert done.output.endswith("checked, all valid\n")


def test_problems_are_lines_that_editors_link(tmp_path: Path) -> None:
    folder = tmp_path / "applications"
    folder.mkdir()
    (tmp_path / "environment.yaml").write_text(environment())
    (folder / "shop.yaml").write_text(application("shop", more="  sice: small\n"))
    (folder / "blog.yaml").write_text(application("blog", version="latest!"))
    done = reconciler("validate", tmp_path)
    assert done.returncode == 1
    advice = "write for example ^1.3, ~1.3.2, 1.x, >=1.2 <2 or 1.3.0"
    assert done.stdout.splitlines() == [
        f"{folder}/blog.yaml:5:39: error: 'latest!' is not a version range; {advice}",
        f"{folder}/shop.yaml:6:3: error: unknown field spec.sice; did you mean size?",
    ]
    assert done.stderr == ""


def test_problems_as_json(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text("kind: [")
    done = call("validate", tmp_path, "--format", "json")
    assert done.exit_code == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["file"], problem["line"], problem["severity"]) == (str(tmp_path / "environment.yaml"), 1, "error")
    assert json.loads(call("validate", FIXTURES / "environments" / "acme-stg", "--format", "json").stdout) == {"problems": []}


def test_problems_as_sarif(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text("kind: [")
    done = call("validate", tmp_path, "--format", "sarif")
    assert done.exit_code == 1
    (run,) = json.loads(done.stdout)["runs"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("NotYaml", "error")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (tmp_path / "environment.yaml").as_uri()
    good = json.loads(call("validate", FIXTURES / "environments" / "acme-stg", "--format", "sarif").stdout)
    assert (good["version"], good["runs"][0]["results"]) == ("2.1.0", [])


def test_a_terminal_gets_the_lines_and_a_summary(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(application("shop", more="  sice: small\n"))
    done = call("validate", file, terminal=True)
    assert f"error[UnknownField]: unknown field spec.sice\n --> {file}:6:3\n" in done.output
    assert "\n6 |   sice: small\n  |   ^^^^\n  = help: did you mean size?\n" in done.output
    assert done.output.endswith("\n1 error in 1 file\n")


def test_a_folder_of_folders_is_checked_folder_by_folder(tmp_path: Path) -> None:
    for name in ("a", "b", ".hidden"):
        shutil.copytree(FIXTURES / "catalog" / "valkey", tmp_path / "catalog" / name)
    shutil.copytree(FIXTURES / "environments" / "acme-prod", tmp_path / "acme-prod")
    assert call("validate", tmp_path, tmp_path / "catalog", tmp_path / "catalog" / "a").output == "3 checked, all valid\n"
    wrong = tmp_path / "catalog" / "b" / "blueprint.yaml"
    wrong.write_text(wrong.read_text() + "extra: 1\n")
    done = call("validate", tmp_path)
    assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
    assert done.output.startswith(f"{wrong}:")


def test_standard_input_is_a_file_of_any_kind() -> None:
    typed = application("shop", more="  sice: small\n")
    assert call("validate", "-", typed=application("shop")).output == "1 checked, all valid\n"
    done = call("validate", "-", typed=typed)
    assert done.output == "<stdin>:6:3: error: unknown field spec.sice; did you mean size?\n"
    assert "6 |   sice: small\n" in call("validate", "-", typed=typed, terminal=True).output


def test_one_file_that_cannot_be_read_hides_no_other_problem(tmp_path: Path) -> None:
    (tmp_path / "applications" / "folder.yaml").mkdir(parents=True)
    (tmp_path / "applications" / "folder.yaml" / "x").touch()
    (tmp_path / "environment.yaml").write_text("kind: [")
    done = call("validate", tmp_path)
    assert done.exit_code == 1
    assert f"{tmp_path}/applications/folder.yaml: error: is a folder where only files are read" in done.output
    assert f"{tmp_path}/environment.yaml:1:8: error: not YAML" in done.output


def test_of_a_file_that_never_ends_no_more_is_read_than_of_any() -> None:
    done = call("validate", "/dev/zero")
    assert done.exit_code == 1
    assert "/dev/zero: error: the file is 1048577 bytes; at most 1048576 are read" in done.output


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("empty.yaml", "", "the file is empty"),
        ("comment.yaml", "# nothing\n", "empty"),
        ("list.yaml", "- a\n", "the document has no kind; known: Application, Blueprint, "),
        ("typo.yaml", "kind: Aplication\n", "did you mean Application?"),
        ("tab.yaml", "kind:\n\tx: 1\n", "not YAML"),
        ("latin.yaml", "kind: caf\u00e9\n", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_document_is_not_valid(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    done = call("validate", tmp_path / name)
    assert done.exit_code == 1
    assert f"{tmp_path / name}:" in done.output
    assert message in done.output


def test_a_folder_of_nothing_is_not_valid(tmp_path: Path) -> None:
    done = call("validate", tmp_path)
    assert done.exit_code == 1
    assert "contains neither blueprint.yaml nor environment.yaml" in done.output


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = call("validate", tmp_path / "nowhere")
    assert done.exit_code == 1
    assert f"{tmp_path}/nowhere: error: cannot be read: No such file or directory" in done.output


def test_a_missing_environment_yaml_is_named_as_seen_from_here(tmp_path: Path) -> None:
    (tmp_path / "applications").mkdir()
    done = call("validate", tmp_path)
    assert done.exit_code == 1
    assert f"{tmp_path}/environment.yaml: error: the repository has no environment.yaml" in done.output


def test_a_file_that_passes_would_ignore_is_an_error_as_it_is_when_pushed(tmp_path: Path) -> None:
    (tmp_path / "applications").mkdir()
    (tmp_path / "environment.yaml").write_text(environment())
    (tmp_path / "applications" / "shop.yml").write_text(application("shop"))
    done = call("validate", tmp_path)
    assert done.exit_code == 1
    assert "shop.yml: error: would be ignored: only *.yaml is read" in done.output
    assert "all valid" not in done.output


def test_a_terminal_is_not_commanded_by_what_a_stranger_wrote(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text('kind: Application\n"\\e[2J\\nfake.yaml [red]:1:1: error: x :smile:": 1\n')
    done = call("validate", file)
    assert done.exit_code == 1
    assert "\x1b" not in done.output
    assert all(line.startswith(str(file)) for line in done.output.splitlines())
    assert "[red]" in done.output


def test_text_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    one = Problem(code="X", message="a [link] \\[b] :key:", file="f[1].yaml", line=1, column=2, hint="[h]")
    show_problems([one], by_lines(on_disk))
    print_line("one\ttwo\x07\x9b31m")
    assert capsys.readouterr().out == "f[1].yaml:1:2: error: a [link] \\[b] :key:; [h]\none two\\x07\\x9b31m\n"


# schemas


def test_schemas_are_written_once_and_checked(tmp_path: Path) -> None:
    assert call("schemas", tmp_path / "s", "--check").exit_code == 1
    assert not (tmp_path / "s").exists()
    first = call("schemas", tmp_path / "s", "--format", "json")
    assert len(json.loads(first.stdout)["changed"]) == 8
    assert json.loads(call("schemas", tmp_path / "s", "--format", "json").stdout)["changed"] == []
    assert call("schemas", tmp_path / "s", "--check").exit_code == 0
    (tmp_path / "s" / "Environment.json").write_text("{}")
    done = call("schemas", tmp_path / "s", "--check")
    assert done.exit_code == 1
    assert f"{tmp_path}/s/Environment.json\tdiffers\n" in done.output


def test_the_repositorys_schemas_are_current() -> None:
    assert call("schemas", ROOT / "schemas", "--check").exit_code == 0


# once and status


def test_once_and_status_on_an_environment_without_applications(sovereign: SovereignFolder) -> None:
    sovereign.environment("acme-prod", files())
    assert call("status", "-c", sovereign.config).exit_code == 1
    done = reconciler("once", "-c", sovereign.config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "acme-prod: Unknown (NothingObserved) [resolved, status pushed]\n"
    assert call("once", "-c", sovereign.config).stdout == "acme-prod: Unknown (NothingObserved) [nothing to push]\n"
    shown = call("status", "-c", sovereign.config)
    assert shown.exit_code == 1
    assert re.fullmatch(r"acme-prod: Unknown \(NothingObserved\)\n  last confirmed \d s ago\n", shown.stdout)


def test_a_status_that_is_dated_ahead_is_stale(sovereign: SovereignFolder, tmp_path: Path) -> None:
    origin = sovereign.environment("acme-prod", files())
    assert call("once", "-c", sovereign.config).exit_code == 0
    git(origin, "update-ref", "-d", CONFIRMED)
    writer = Repository(tmp_path / "writer", origin.as_uri())
    head = writer.heads()["status"]
    writer.fetch({"status": head})
    message = git(origin, "log", "-1", "--format=%B", "status") + "\n"
    ahead = writer.write_over({}, parent=head, message=message, time=int(time.time()) + 3600)
    writer.push(ahead.id, "status", expect=head)
    shown = call("status", "-c", sovereign.config)
    assert shown.exit_code == 1
    assert "stale: it is dated ahead of this machine's clock" in shown.stdout
    (told,) = json.loads(call("status", "-c", sovereign.config, "--format", "json").stdout)
    assert (told["stale"], told["confirmedSecondsAgo"]) == (True, None)


def test_a_refusal_is_exit_code_1_with_its_lines(sovereign: SovereignFolder) -> None:
    sovereign.environment("acme-prod", files() | {"applications/shop.yaml": application("shop", version="latest!")})
    done = call("once", "-c", sovereign.config)
    assert done.exit_code == 1
    assert "applications/shop.yaml:5:39: error: 'latest!' is not a version range" in done.stdout
    shown = call("status", "-c", sovereign.config)
    assert shown.exit_code == 1
    assert "  applications/shop.yaml:5:39: 'latest!' is not a version range" in shown.stdout


def test_a_refusal_shows_the_lines_that_were_pushed(sovereign: SovereignFolder) -> None:
    sovereign.environment("acme-prod", files() | {"applications/shop.yaml": application("shop", version="latest!")})
    done = call("once", "-c", sovereign.config, terminal=True)
    assert done.exit_code == 1
    assert "error[InvalidRange]: 'latest!' is not a version range\n --> applications/shop.yaml:5:39\n" in done.stdout
    assert (
        "\n5 |   blueprint: {name: bp-shop, version: latest!}\n  |                                       ^^^^^^^\n" in done.stdout
    )


def test_sarif_of_once_has_a_run_for_each_environment(sovereign: SovereignFolder) -> None:
    shutil.rmtree(sovereign.environment("acme-gone", None))
    sovereign.environment("acme-prod", files() | {"applications/shop.yaml": application("shop", version="latest!")})
    sovereign.environment("acme-stg", files("shop"))
    done = call("once", "-c", sovereign.config, "--format", "sarif")
    assert done.exit_code == 3
    runs = {run["automationDetails"]["id"]: run for run in json.loads(done.stdout)["runs"]}
    gone, stg = runs["acme-gone"], runs["acme-stg"]
    assert (gone["invocations"][0]["executionSuccessful"], gone["results"]) == (False, [])
    (result,) = runs["acme-prod"]["results"]
    assert result["ruleId"] == "InvalidRange"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "applications/shop.yaml"}
    assert runs["acme-prod"]["invocations"] == [{"executionSuccessful": True}]
    assert {r["ruleId"] for r in stg["results"]} == {"NameMismatch"}


def test_a_registry_that_is_away_is_exit_code_3(sovereign: SovereignFolder) -> None:
    sovereign.environment("acme-prod", files("shop"))
    done = reconciler("once", "-c", sovereign.config, "--format", "json")
    assert done.returncode == 3
    (one,) = json.loads(done.stdout)
    assert (one["refused"], one["blocker"]["stage"], one["blocker"]["reason"]) == (False, "Resolved", "Unavailable")
    assert sovereign.head("acme-prod", "resolved") == ""


def test_one_environment_that_is_away_keeps_no_other_from_its_pass(sovereign: SovereignFolder) -> None:
    shutil.rmtree(sovereign.environment("acme-gone", None))
    sovereign.environment("acme-prod", files())
    sovereign.environment("acme-new", None)
    done = call("once", "-c", sovereign.config)
    assert done.exit_code == 3
    assert "acme-gone: there is no git repository at" in done.stderr
    assert "acme-new: the repository has no branch main" in done.stderr
    assert done.stdout == "acme-prod: Unknown (NothingObserved) [resolved, status pushed]\n"
    assert call("status", "-c", sovereign.config).exit_code == 3


def test_json_of_once_and_status(sovereign: SovereignFolder) -> None:
    sovereign.environment("acme-prod", files())
    shutil.rmtree(sovereign.environment("acme-gone", None))
    once = json.loads(call("once", "-c", sovereign.config, "--format", "json").stdout)
    assert once[0]["main"] == sovereign.head("acme-prod", "main")
    assert once[0]["resolved"] == sovereign.head("acme-prod", "resolved")
    assert (once[0]["pushed"], once[0]["blocker"], once[0]["problems"]) == (["resolved", "status"], None, [])
    assert once[1]["fault"]["kind"] == "Missing"
    shown = json.loads(call("status", "-c", sovereign.config, "--format", "json").stdout)
    assert shown[0]["status"] == once[0]["status"]
    assert shown[1]["fault"]["kind"] == "Missing"


def test_only_those_asked_for(sovereign: SovereignFolder) -> None:
    for name in ("acme-prod", "acme-stg"):
        sovereign.environment(name, files())
    done = call("once", "-c", sovereign.config, "acme-prod")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)
    assert sovereign.head("acme-stg", "status") == ""
    message = fault("once", "-c", sovereign.config, "acme-prd")
    assert message == "there is no Environment acme-prd (there are: acme-prod, acme-stg)"


def test_a_status_of_an_older_commit_says_so(sovereign: SovereignFolder) -> None:
    origin = sovereign.environment("acme-prod", files())
    call("once", "-c", sovereign.config)
    old = sovereign.head("acme-prod", "main")
    new = commit(origin, "main", files() | {"README.md": "words"})
    done = call("status", "-c", sovereign.config)
    assert done.exit_code == 1
    assert f"  behind: main is at {new[:10]}, this is of {old[:10]}\n" in done.stdout


def test_a_status_that_nobody_confirms_is_stale(sovereign: SovereignFolder) -> None:
    origin = sovereign.environment("acme-prod", files())
    call("once", "-c", sovereign.config)
    text = git(origin, "cat-file", "-p", "status")
    aged = re.sub(r"> \d+ \+0000", "> 1767225600 +0000", text) + "\n"
    old = git(origin, "hash-object", "-t", "commit", "-w", "--stdin", stdin=aged.encode())
    git(origin, "update-ref", "refs/heads/status", old)
    assert re.search(r"  stale: last confirmed \d+ d ago\n", call("status", "-c", sovereign.config).stdout)
    call("once", "-c", sovereign.config)
    shown = json.loads(call("status", "-c", sovereign.config, "--format", "json").stdout)[0]
    assert (shown["stale"], shown["confirmedSecondsAgo"] < 60) == (False, True)
    assert "Unwatched-Since: 2026-01-01T00:00:00+00:00" in git(origin, "log", "-1", "--format=%B", "status")
    assert git(origin, "rev-parse", "status^", "status^{tree}").split() == [old, git(origin, "rev-parse", f"{old}^{{tree}}")]
    call("once", "-c", sovereign.config)
    assert git(origin, "rev-parse", "status^") == old, "it is told once"


def test_a_status_that_was_damaged_is_no_status(sovereign: SovereignFolder) -> None:
    origin = sovereign.environment("acme-prod", files())
    commit(origin, "status", {"status.yaml": "metadata: {name: acme-prod}\ninput: x\nconditions: []\n"})
    done = call("status", "-c", sovereign.config)
    assert (done.exit_code, "no status yet" in done.stdout) == (1, True)


# Configuration, and what is outside


@pytest.mark.parametrize("name", ["once", "status", "run"])
def test_a_configuration_that_cannot_work_is_exit_code_3(tmp_path: Path, name: str) -> None:
    file = tmp_path / "catalyst.yaml"
    file.write_text("sovereign: demo\nwrokers: 3\n")
    message = fault(name, "-c", file)
    assert f"{file}:2:1: unknown field wrokers; did you mean workers?" in message
    assert f"{file}:1:1: state is required" in message


def test_a_fault_is_one_error_on_standard_error(tmp_path: Path) -> None:
    done = reconciler("once", "-c", tmp_path / "nowhere.yaml")
    assert (done.returncode, done.stdout) == (3, "")
    expected = f"error: the configuration {tmp_path}/nowhere.yaml cannot be read: No such file or directory"
    assert done.stderr.splitlines() == [expected]


@pytest.mark.parametrize("name", ["once", "run"])
def test_without_cosign_or_policies_nothing_starts(sovereign: SovereignFolder, name: str) -> None:
    sovereign.environment("acme-prod", files())
    config = sovereign.config
    (sovereign.folder / "trust" / "bad.yaml").write_text("kind: [")
    assert "bad.yaml:1:" in fault(name, "-c", config)
    sovereign.cosign.unlink()
    assert "there is no cosign at" in fault(name, "-c", config)
    assert sovereign.head("acme-prod", "status") == ""


def test_an_environment_without_a_place_is_told_at_the_start(sovereign: SovereignFolder) -> None:
    config = sovereign.config
    config.write_text(config.read_text().replace('"environments": []', '"environments": [{"name": "acme-prod"}]'))
    assert "acme-prod has neither a url nor a repository" in fault("run", "-c", config)


def test_two_at_once_on_one_state_directory(sovereign: SovereignFolder) -> None:
    sovereign.environment("acme-prod", files())
    config = sovereign.config
    with state_lock(sovereign.folder / "state"):
        done = reconciler("once", "-c", config)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"another reconciler uses the state directory {sovereign.folder}/state" in done.stderr
    assert call("once", "-c", config).exit_code == 0


# run


@contextmanager
def running(sovereign: SovereignFolder, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The service, once it says that it runs; killed if a test leaves it."""
    process = subprocess.Popen(
        command("run", "-c", sovereign.config, *more),
        cwd=ROOT,
        env=reconciler_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_status(sovereign: SovereignFolder, name: str) -> None:
    until = time.monotonic() + 20
    while not sovereign.head(name, "status"):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_run_soon_and_well(sovereign: SovereignFolder, number: signal.Signals) -> None:
    sovereign.environment("acme-prod", files())
    shutil.rmtree(sovereign.environment("acme-gone", None))
    with running(sovereign) as process:
        wait_for_status(sovereign, "acme-prod")
        again = reconciler("once", "-c", sovereign.config)
        process.send_signal(number)
        out, logs = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "")
    assert again.returncode == 3
    lines: list[dict[str, Any]] = [json.loads(line) for line in logs.splitlines()]
    assert "running" in {line["event"] for line in lines}
    assert (lines[-1]["event"], lines[-1]["abandoned"]) == ("stopped", False)
    (passed,) = [line for line in lines if line["event"] == "pass"]
    assert (passed["environment"], passed["pushed"]) == ("acme-prod", ["resolved", "status"])
    assert any(line["environment"] == "acme-gone" for line in lines if line["event"] == "pass failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pass_under_way_ends_before_run_does(sovereign: SovereignFolder, number: signal.Signals) -> None:
    latch = Latch()

    def held(_: Request) -> Reply:
        latch.reached.set()
        latch.open.wait(15)
        return Reply(status=404)

    sovereign.environment("acme-prod", files("shop"))
    with HostileRegistry(held) as registry:
        sovereign.catalog, sovereign.registry_timeout = f"{registry.host}/openova", 15
        with running(sovereign) as process:
            assert latch.reached.wait(20)
            process.send_signal(number)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            assert not sovereign.head("acme-prod", "status")
            latch.open.set()
            _, logs = process.communicate(timeout=15)
    assert process.returncode == 0
    last = json.loads(logs.splitlines()[-1])
    assert (last["event"], last["abandoned"]) == ("stopped", False)
    assert sovereign.head("acme-prod", "status"), "the pass told what it found"


def test_a_surprise_is_logged_without_the_values_of_variables(tmp_path: Path) -> None:
    program = (
        "import structlog\nfrom reconciler.cli import logs\nlogs.configure(verbose=False)\n"
        "def login(token):\n    raise ZeroDivisionError\n"
        "try:\n    login('s3cr3t-' + 'canary')\nexcept ZeroDivisionError:\n    structlog.get_logger().exception('surprise')\n"
    )
    file = tmp_path / "program.py"
    file.write_text(program)
    environment_ = {**reconciler_environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command()[:1], str(file)], env=environment_, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stderr)["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert "s3cr3t-canary" not in done.stderr


def test_a_log_that_cannot_be_written_fails_nothing() -> None:
    program = (
        "import structlog\nfrom reconciler.cli import logs\nlogs.configure(verbose=False)\n"
        "for _ in range(3):\n    structlog.get_logger().warning('nobody reads this')\nprint('done')\n"
    )
    environment_ = {**reconciler_environment(), "PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command()[:1], "-c", program],
            env=environment_,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.stdout == "done\n"


# publish


def test_publish_needs_a_key_or_says_unsigned(tmp_path: Path) -> None:
    folder = FIXTURES / "catalog" / "valkey"
    for arguments in ((), ("--key", "x.key", "--unsigned")):
        assert call("publish", folder, "--registry", "registry.example/openova", *arguments).exit_code == 2
    done = call("publish", tmp_path, "--registry", "registry.example/openova", "--unsigned")
    assert (done.exit_code, "holds no blueprint.yaml" in done.output) == (1, True)


def test_publish_pushes_nothing_when_one_folder_is_wrong(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "catalog" / "valkey", tmp_path / "valkey")
    chart = tmp_path / "valkey" / "chart" / "Chart.yaml"
    chart.write_text(chart.read_text().replace("version: ", "version: 9"))
    good = FIXTURES / "catalog" / "postgres"
    done = call("publish", good, tmp_path / "valkey", "--registry", "127.0.0.1:1/openova", "--plain-http", "--unsigned")
    assert done.exit_code == 1
    assert f"{tmp_path}/valkey/blueprint.yaml:" in done.output
    assert "its Chart.yaml describes" in done.output
    listed = call("publish", tmp_path / "valkey", "--registry", "127.0.0.1:1/openova", "--unsigned", "--format", "json")
    assert [p["code"] for p in json.loads(listed.stdout)["problems"]] == ["InvalidBlueprint"]


def test_an_environment_policy_is_validated_like_any_document(tmp_path: Path) -> None:
    text = (FIXTURES / "policies" / "acme-prod.yaml").read_text()
    file = tmp_path / "p.yaml"
    file.write_text(text)
    assert call("validate", file).exit_code == 0
    file.write_text(text.replace("0 14 * * 2,4", "0 14 31 2 *"))
    done = call("validate", file)
    assert done.exit_code == 1
    assert f"{file}:17:13: error: spec.rules.2.cron: is not a cron expression: bad day-of-month" in done.output


# init and promote


def test_init_refuses_what_can_be_no_environment(sovereign: SovereignFolder) -> None:
    done = call("init", "-c", sovereign.config, "acme/shop")
    assert done.exit_code == 1
    assert "acme/shop cannot be an Environment's repository" in done.output
    done = call("init", "-c", sovereign.config, "acme/acme-prod", "--placement", "hz-fsn-rtz-stg-acme", "--format", "json")
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["steps"], [p["code"] for p in shown["problems"]]) == (1, [], ["NameMismatch"])
    assert call("init", "-c", sovereign.config, "acme").exit_code == 2


def test_init_and_promote_need_a_gitea(sovereign: SovereignFolder) -> None:
    assert "no Gitea is configured" in fault("init", "-c", sovereign.config, "acme/acme-prod")
    for name in ("acme-prod", "acme-stg"):
        sovereign.environment(name, files())
    assert "acme-prod is not on the configured Gitea" in fault("promote", "-c", sovereign.config, "acme-stg", "acme-prod")
    assert "there is no Environment acme-uat" in fault("promote", "-c", sovereign.config, "acme-uat", "acme-prod")
