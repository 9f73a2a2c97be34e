"""What README.md and deploy/README.md name is there: files, commands, configuration fields, metrics, webhook responses, links."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from typer.core import TyperGroup

from reconciler.adapters.http_server import WebhookResponse
from reconciler.adapters.metrics import Metrics
from reconciler.cli.app import app
from reconciler.controller import webhook_handler
from reconciler.controller.controller import Controller
from reconciler.controller.health import Health

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "deploy" / "README.md"
PAGES: Final = (README, REFERENCE)

_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_QUOTED: Final = re.compile(r"`([^`]+)`")
_CODE: Final = re.compile(r"(?:^|; )([0-9]) ")
_WRONG_USAGE: Final = "2"  # of every command; the page says it once


def section(page: Path, heading: str) -> str:
    """The text under a heading, down to the next one of any level."""
    begun = page.read_text(encoding="utf-8").split(f"# {heading}\n", 1)
    assert len(begun) == 2, f"{page.name} has no heading {heading}"
    return re.split(r"^#+ ", begun[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the only table in a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[1].startswith("|---"), "a table begins with its head"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(group: TyperGroup, path: str = "") -> Iterator[tuple[str, str]]:
    """Each command with its help."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        command: Any = group.get_command(context, name)
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", " ".join((command.help or "").split())


def all_commands() -> dict[str, str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(commands(group))


def command_of(cell: str) -> str:
    """The command in the first cell of a row: the words before the first that is an argument or an option."""
    words = _QUOTED.findall(cell)[0].split()
    assert words[0] == "reconciler"
    named = []
    for word in words[1:]:
        if not re.fullmatch(r"[a-z]+", word):
            break
        named.append(word)
    return " ".join(named)


def fields(schema: dict[str, Any], part: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, bool]]:
    """Each field below a part of the configuration's schema: its path, its default as the page writes it, whether required."""
    for name, field in part["properties"].items():
        kinds = [field, *field.get("anyOf", []), field.get("items", {})]
        below = next((kind["$ref"] for kind in kinds if "$ref" in kind), None)
        here = f"{path}{name}{'[]' if field.get('type') == 'array' and below else ''}"
        if below is not None:
            yield from fields(schema, schema["$defs"][below.rpartition("/")[2]], f"{here}.")
        else:
            default = field.get("default")
            text = "" if default is None else default if isinstance(default, str) else json.dumps(default)
            yield here, text, name in part.get("required", [])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        if file.startswith("https://"):
            continue
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_file_of_where_is_exists() -> None:
    table = rows(section(README, "Where is ...?"))
    files = [_QUOTED.findall(answer) for _, answer in table]
    assert len(table) == 15
    assert all(1 <= len(named) <= 2 for named in files)
    assert [file for named in files for file in named if not (ROOT / file).is_file()] == []


def test_both_commands_exist() -> None:
    shown = re.findall(r"^python3 deploy/sandbox (\w+)", section(README, "Two commands"), re.MULTILINE)
    assert len(shown) == 2
    for name in shown:
        done = subprocess.run(
            [sys.executable, "deploy/sandbox", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert f"deploy/sandbox {name}" in done.stdout


def test_the_command_table_has_every_command_and_no_other() -> None:
    listed = [command_of(row[0]) for row in rows(section(REFERENCE, "Commands"))]
    assert sorted(listed) == sorted(all_commands())


def test_exit_codes_are_those_of_the_help() -> None:
    helps = all_commands()
    for cell, _, codes in rows(section(REFERENCE, "Commands")):
        listed = set(_CODE.findall(codes))
        _, _, told = helps[command_of(cell)].partition("Exit codes: ")
        assert listed, cell
        if told:
            assert listed == set(_CODE.findall(told)) - {_WRONG_USAGE}, cell
        else:
            assert listed <= {"0", "1", "3"}, cell


def test_commands_in_the_readme_exist() -> None:
    known = all_commands()
    prose = re.sub(r"^```.*?^```", "", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    shown = re.findall(r"`reconciler ([a-z]+)", prose)
    assert shown
    assert [name for name in shown if name not in known] == []


def test_the_configuration_table_has_every_field_with_its_default() -> None:
    schema = json.loads((ROOT / "schemas" / "Configuration.json").read_text(encoding="utf-8"))
    listed = {
        _QUOTED.findall(name)[0]: (default.strip("`"), meaning.startswith("*required*"))
        for name, default, meaning in rows(section(REFERENCE, "Configuration"))
    }
    assert listed == {path: (default, required) for path, default, required in fields(schema, schema)}


def test_the_metrics_table_has_every_metric_and_its_type() -> None:
    service = Controller(
        dict, lambda _: pytest.fail("no Environment, no pass"), workers=1, poll=1, discover=1, health=Health(Metrics())
    )
    told = dict(re.findall(r"^# TYPE (\w+) (\w+)$", service.health.metrics.text().decode(), re.MULTILINE))
    measured = {name: kind for name, kind in told.items() if not name.endswith("_created")}
    listed = {_QUOTED.findall(row[0])[0]: row[1] for row in rows(section(REFERENCE, "Metrics"))}
    assert listed == measured


def test_the_webhook_table_has_every_response_and_its_status() -> None:
    answers = [value for value in vars(webhook_handler).values() if isinstance(value, WebhookResponse)]
    listed = {_QUOTED.findall(row[0])[0]: int(row[1]) for row in rows(section(REFERENCE, "Webhooks"))}
    assert listed == {answer.message.partition(":")[0]: answer.status for answer in answers}
