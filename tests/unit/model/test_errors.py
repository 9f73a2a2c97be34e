"""The tree of errors: its published words, which no renamed class may change, and its drawing, which lists every exception."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
from pathlib import Path

import pytest

import reconciler
from reconciler.adapters.registry.responses import RetryableError
from reconciler.model import errors

WORDS = {
    errors.ReconcilerError: "Fault",
    errors.UnavailableError: "Unavailable",
    errors.AccessDeniedError: "Denied",
    errors.NotFoundError: "Missing",
    errors.IntegrityError: "Corrupt",
    errors.UntrustedError: "Untrusted",
    errors.ConcurrentUpdateError: "Moved",
    errors.ForeignLockError: "ForeignLock",
    errors.RejectedError: "Rejected",
    errors.TooLargeError: "TooLarge",
    errors.InternalError: "InternalError",
    errors.ConfigurationError: "Misconfigured",
}
SOURCE = Path(reconciler.__file__).parent
NODE = re.compile(r"^(?P<branch>(?:│   |    )*(?:[├└]── )?)(?P<name>\w+) *(?P<note>.*)$")


def exceptions() -> dict[str, type[BaseException]]:
    """Every exception class that a module of ours defines, nested ones too, by name."""
    found: dict[str, type[BaseException]] = {}
    for path in SOURCE.rglob("*.py"):
        names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
        if not any(
            re.search(r"Error|Exception", line) for line in path.read_text().splitlines() if line.lstrip().startswith("class ")
        ):
            continue
        module = importlib.import_module(".".join(path.relative_to(SOURCE.parent).with_suffix("").parts))
        for name in names:
            kind = getattr(module, name, None)
            assert kind is not None, f"{path}: {name} is defined inside something else"
            if issubclass(kind, BaseException):
                assert name not in found
                found[name] = kind
    return found


def drawn() -> list[tuple[str, str, str]]:
    """The name, the parent and the note of each line of the drawing."""
    assert errors.__doc__ is not None
    nodes, above = [], list[str]()
    for line in errors.__doc__.split("```")[1].strip().splitlines():
        if line:
            match = NODE.match(line)
            assert match is not None, line
            depth = len(match["branch"]) // 4
            above = [*above[:depth], match["name"]]
            nodes.append((match["name"], above[depth - 1] if depth else "", match["note"]))
    return nodes


@pytest.mark.parametrize(("kind", "word"), WORDS.items(), ids=WORDS.values())
def test_each_kind_of_failure_is_published_under_its_word(kind: type[errors.ReconcilerError], word: str) -> None:
    assert kind("something failed").reason == word


def test_each_kind_of_the_tree_has_a_word_of_its_own() -> None:
    assert set(WORDS) == {kind for kind in exceptions().values() if kind.__module__ == errors.__name__}
    assert all("reason" in vars(kind) for kind in WORDS)


def test_no_other_error_publishes_a_word_of_its_own() -> None:
    assert not [name for name, kind in exceptions().items() if "reason" in vars(kind) and kind not in WORDS]


def test_a_finer_kind_is_published_under_the_word_of_its_kind() -> None:
    assert RetryableError("no answer").reason == "Unavailable"


def test_every_exception_is_in_the_tree_and_called_an_error_or_private_to_its_module() -> None:
    for name, kind in exceptions().items():
        assert name.startswith("_") or (issubclass(kind, errors.ReconcilerError) and name.endswith("Error")), name


def test_no_module_uses_a_private_exception_of_another() -> None:
    private = {name: kind.__module__ for name, kind in exceptions().items() if name.startswith("_")}
    for path in SOURCE.rglob("*.py"):
        module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        used = {n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.alias)} & private.keys()
        assert not used, module


def test_the_drawing_lists_every_exception_under_its_parent_with_its_word_or_its_module() -> None:
    kinds = exceptions()
    assert sorted(name for name, _, _ in drawn() if not hasattr(builtins, name)) == sorted(kinds)
    for name, parent, note in drawn():
        if (kind := kinds.get(name)) is None:
            continue
        assert not parent or parent in {base.__name__ for base in inspect.getmro(kind)[1:]}, name
        assert not parent or name.startswith("_") or parent == kind.__bases__[0].__name__, name
        if kind in WORDS:
            assert note.split("  ")[0] == WORDS[kind], name
            assert kind.__doc__ is not None
            assert (
                kind.__doc__.splitlines()[0]
                .replace(" (a hook, a protected branch)", "")
                .lower()
                .startswith(note.split("  ", 1)[1].strip())
            )
        else:
            assert f"reconciler.{note}" == kind.__module__, name
