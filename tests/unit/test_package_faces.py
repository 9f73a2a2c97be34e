"""Each package has a face, its `__init__.py` docstring, and the face's table names exactly what the folder has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import reconciler

ROOT = Path(reconciler.__file__).parent
FOLDERS = sorted({module.parent for module in ROOT.rglob("*.py")})
HEADER = "| module | what it does |\n|---|---|"
ROW = re.compile(r"\| `(\w+/?)` \| \S.* \|")


def name(folder: Path) -> str:
    return folder.relative_to(ROOT.parent).as_posix()


def contents(folder: Path) -> list[str]:
    """The modules of a folder, and its sub-packages with a slash."""
    modules = [module.stem for module in folder.glob("*.py") if module.name != "__init__.py"]
    return sorted([*modules, *(f"{package.name}/" for package in FOLDERS if package.parent == folder)])


def faults(face: str, actual: list[str]) -> list[str]:
    """All that is wrong with a face of a package that has these modules and sub-packages."""
    sentence, *sections = face.strip().split("\n\n")
    wrong = []
    if not re.fullmatch(r"[^.\n|].*\S.*\.", sentence, re.DOTALL) or " " not in sentence:
        wrong.append("does not begin with a sentence and an empty line")
    table = sections.pop(0) if sections else ""
    if not table.startswith(HEADER):
        return [*wrong, f"has no table after its first sentence: {HEADER!r}"]
    rows = table.removeprefix(HEADER).strip().splitlines()
    wrong += [f"has a row that is not `| `module` | what it does |`: {row}" for row in rows if not ROW.fullmatch(row)]
    listed = [match[1] for row in rows if (match := ROW.fullmatch(row))]
    wrong += [f"lists {module}, which is not there" for module in listed if module not in actual]
    wrong += [f"does not list {module}" for module in actual if module not in listed]
    wrong += [f"lists {module} twice" for module in sorted(set(listed)) if listed.count(module) > 1]
    *rules, may_not = sections or [""]
    wrong += [
        f"has a section that is not `Rules kept:` and a list: {part}" for part in rules if not part.startswith("Rules kept:\n- ")
    ]
    if len(rules) > 1:
        wrong.append("has more than one section between its table and `May not:`")
    if not re.match(r"May not: \S", may_not):
        wrong.append("does not end with `May not: ...`")
    return wrong


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_package_has_a_face_and_its_table_is_the_folder(folder: Path) -> None:
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    assert faults(ast.get_docstring(tree) or "", contents(folder)) == []


GOOD = f"""Does this.

{HEADER}
| `one` | does one |
| `two/` | does two |

Rules kept:
- A rule.

May not: do that."""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Does this.\n", "reconciler/this.\n", "begin with a sentence"),
        ("Does this.\n", "Does this\n", "begin with a sentence"),
        (HEADER, "| module |\n|---|", "no table"),
        ("| `one` | does one |\n", "", "does not list one"),
        ("`two/`", "`two`", "does not list two/"),
        ("`one`", "`three`", "lists three, which is not there"),
        ("`one`", "`two/`", "lists two/ twice"),
        ("| does one |", "|  |", "has a row that is not"),
        ("Rules kept:\n- A rule.", "Rules.", "not `Rules kept:`"),
        ("Rules kept:\n- A rule.", "Rules kept:\n- A rule.\n\nRules kept:\n- A rule.", "more than one section"),
        ("May not: do that.", "", "May not"),
        ("May not: do that.", "May not:", "May not"),
    ],
)
def test_a_face_that_is_wrong_is_reported(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    assert any(fault in message for message in faults(GOOD.replace(old, new), ["one", "two/"]))


def test_a_face_that_is_right_has_no_faults() -> None:
    assert faults(GOOD, ["one", "two/"]) == []
    assert len(FOLDERS) > 1
