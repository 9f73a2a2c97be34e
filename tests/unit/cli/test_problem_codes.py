"""Every problem code in the source is explained, and no other."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reconciler.cli.problem_codes import RULES
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


# Every code has a rule


def test_every_code_in_the_source_tree_has_a_rule_and_no_rule_is_left_over() -> None:
    used = codes()
    assert sorted(used - set(RULES)) == []
    assert sorted(set(RULES) - used) == []


def test_a_rule_is_one_plain_sentence() -> None:
    for code, text in RULES.items():
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", code)
        assert re.fullmatch(r"[A-Z](?!.*\. ).*\.", text)
        assert not set("{}[]") & set(text)


def codes() -> set[str]:
    """Every word that the source tree gives as a problem's code: in a call, or by way of a variable called `code`."""
    trees = [ast.parse(file.read_text()) for file in sorted((ROOT / "reconciler").rglob("*.py"))]
    makers: dict[str, set[int]] = {}
    for name, position in (maker for tree in trees for maker in _makers(tree)):
        makers.setdefault(name, set()).add(position)
    return {code for tree in trees for code in _codes(tree, makers)}


def _makers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Functions and classes that take a text called `code`, and at which position (without self)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = [(a.arg, a.annotation) for a in node.args.args if a.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            fields = (part for part in node.body if isinstance(part, ast.AnnAssign))
            arguments = [(f.target.id, f.annotation) for f in fields if isinstance(f.target, ast.Name)]
        else:
            continue
        for position, (name, kind) in enumerate(arguments):
            if name == "code" and isinstance(kind, ast.Name) and kind.id == "str":
                yield node.name, position


def _codes(tree: ast.Module, makers: dict[str, set[int]]) -> Iterator[str]:
    tables = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [k.value for k in node.keywords if k.arg == "code"]
            for position in makers.get(name, ()):
                given += node.args[position : position + 1]
            yield from (word for value in given if name in makers for word in _words(value, tables))
        elif isinstance(node, ast.Assign) and any(
            isinstance(part, ast.Name) and part.id == "code" for target in node.targets for part in ast.walk(target)
        ):
            yield from _words(node.value, tables)


def _words(value: ast.AST, tables: dict[str, ast.expr]) -> Iterator[str]:
    """The words that look like codes in an expression, and in the tables that it names."""
    for part in ast.walk(value):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and re.fullmatch(r"[A-Z][A-Za-z0-9]+", part.value):
            yield part.value
        elif isinstance(part, ast.Name) and part.id in tables:
            yield from _words(tables[part.id], {})
