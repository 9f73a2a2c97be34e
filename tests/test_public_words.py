"""The words that others rely on are those of `tests/golden/public_words.yaml`, and no other.

Most are read from what runs: the commands, the models' schemas, the tree of errors, the table of problem codes. The rest are
read from the source, by what they are (a string in CamelCase, an argument of a metric's constructor), never by the module, the
class or the function in which they stand. Comparison is of sets: a word that stands in two places counts once, so one of two
places that comes to use another word of the list is not seen here.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import json
import pkgutil
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

# All that is known of the package: when a module or a name moves, only these lines change.
import reconciler
from reconciler.cli.app import app
from reconciler.cli.problem_codes import RULES as PROBLEM_CODES
from reconciler.commands.publish import Published
from reconciler.formats.yaml.documents import load
from reconciler.model import errors
from reconciler.model.errors import ReconcilerError as BaseError
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GOLDEN: Final = Path(__file__).parent / "golden" / "public_words.yaml"
PACKAGE: Final = Path(reconciler.__file__).parent
HOW_TO_ACCEPT: Final = (
    "Others rely on these words: rename one only on purpose. If it is on purpose, change its line in "
    "tests/golden/public_words.yaml and name the change in the CHANGELOG of deploy/README.md. A new word that is no contract "
    "goes into the section of its scan that ends in `_not_ours`."
)

_CAMEL: Final = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)?|[A-Z]+[a-z][A-Za-z0-9]*")
_WORD: Final = re.compile(r"[a-z]+")
_KEY: Final = re.compile(r"\$?[a-z][A-Za-z]*")
_FILE: Final = re.compile(r"[\w.-]*\.(?:yaml|yml|json|md|pub|key|txt)")
_REF: Final = re.compile(r"(?:refs|plan|promote|pull)/[\w/*-]*")
_FOLDER: Final = re.compile(r"[a-z]+/")
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]*")
_OURS: Final = re.compile(r"<!-- catalyst.*-->|[^\s\\]*(?:catalyst|openova)[^\s\\]*")
_TRAILER: Final = re.compile(r"(?:^|\n)([A-Z][a-z]+(?:-[A-Z][a-z]+)*): ?$")
_CODE: Final = re.compile(r"(?:^|;) ?([0-9]+) ")
_ONE_TYPE: Final = re.compile(r" <[\w\[\]]+>")  # a type's name, which is Python's; a choice of words has bars between them
_TYPING: Final = {"TypeVar", "TypeVarTuple", "ParamSpec", "NewType", "cast"}  # their first argument is a name of Python's


# --- What runs ------------------------------------------------------------------------------------------------------------------


def problem_codes() -> set[str]:
    return set(PROBLEM_CODES)


def error_reasons() -> set[str]:
    """The reason of every error: its own attribute, or what the module of the errors says of it."""
    for module in pkgutil.walk_packages(reconciler.__path__, f"{reconciler.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {_reason(error) for error in _with_subclasses(BaseError) if error is not BaseError}


def _reason(error: type[Any]) -> str:
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, str) else str(vars(errors)["kind_of"](BaseException.__new__(error)))


def _with_subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _with_subclasses(each)


def commands() -> set[str]:
    """Each command with its arguments, its options and their choices, and the exit codes that its help names."""
    return {line for path, command in _commands("reconciler", typer.main.get_command(app)) for line in _command(path, command)}


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from _commands(f"{path} {name}", command.get_command(None, name))


def _command(path: str, command: Any) -> Iterator[str]:
    _, _, codes = " ".join(command.help.split()).partition("Exit codes:")
    yield f"{path}: exit codes {' '.join(_CODE.findall(codes)) or 'as of all commands'}"
    for parameter in command.params:
        usage, _ = parameter.get_help_record(typer.Context(command)) or ("", "")
        usage = _ONE_TYPE.sub("", " ".join(usage.split()))
        yield f"{path}: {usage}{' required' if parameter.required else ''}"


@functools.cache
def _schemas() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = CliRunner().invoke(app, ["schemas", folder])
        assert result.exit_code == 0, result.output
        return {file.name.removesuffix(".json"): json.loads(file.read_text()) for file in sorted(Path(folder).iterdir())}


def fields(schema: dict[str, Any]) -> set[str]:
    """The path of every field, and `path = word` for every word that a field may hold."""
    return set(_fields(schema, schema.get("$defs", {}), "", ()))


def _fields(part: Any, parts: dict[str, Any], path: str, above: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(part, dict):
        return
    if (name := part.get("$ref", "").removeprefix("#/$defs/")) and name not in above:
        yield from _fields(parts[name], parts, path, (*above, name))
    for word in (*part.get("enum", ()), *((part["const"],) if "const" in part else ())):
        yield f"{path} = {word}"
    for field, below in part.get("properties", {}).items():
        yield (inner := f"{path}.{field}".lstrip("."))
        yield from _fields(below, parts, inner, above)
    yield from _fields(part.get("items"), parts, f"{path}[]", above)
    yield from _fields(part.get("additionalProperties"), parts, f"{path}.*", above)
    for below in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ()), *part.get("prefixItems", ())):
        yield from _fields(below, parts, path, above)


def configuration_variables() -> set[str]:
    """What environment variables of the configuration begin with, and what joins their parts."""
    error_reasons()  # imports every module
    ours = [kind for kind in _with_subclasses(BaseSettings) if kind.__module__.startswith(f"{reconciler.__name__}.")]
    return {f"{kind.model_config.get('env_prefix')}PART{kind.model_config.get('env_nested_delimiter')}FIELD" for kind in ours}


# --- The source -----------------------------------------------------------------------------------------------------------------


@functools.cache
def _modules() -> dict[str, ast.Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text()) for file in files}


def _nodes(folder: str = "") -> Iterator[ast.AST]:
    for file, module in _modules().items():
        if file.startswith(folder):
            yield from ast.walk(module)


def _words(nodes: Iterable[ast.AST | None]) -> Iterator[str]:
    """The strings among some nodes."""
    return (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


@functools.cache
def _texts() -> frozenset[str]:
    """Every string of the source but documentation, `__all__` and names of types; of an f-string its fixed parts."""
    left_out: set[int] = set()
    for node in _nodes():
        if isinstance(node, ast.Expr):
            left_out.add(id(node.value))
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "__all__":
            left_out.update(map(id, ast.walk(node.value)))
        elif isinstance(node, ast.Call) and _name(node.func) in _TYPING:
            left_out.update(map(id, node.args[:1]))
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and _name(node.value) != "Literal":
            left_out.update(map(id, node.slice.elts))
    return frozenset(_words(node for node in _nodes() if id(node) not in left_out))


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _like(pattern: re.Pattern[str]) -> set[str]:
    return {text for text in _texts() if pattern.fullmatch(text)}


def camel_case() -> set[str]:
    return _like(_CAMEL)


def names_of_ours() -> set[str]:
    return _like(_OURS)


def files_and_refs() -> set[str]:
    return _like(_FILE) | _like(_REF) | _like(_FOLDER)


def constants() -> set[str]:
    """One-word constants of modules and classes: the branches are among them."""
    owners = (node for node in _nodes() if isinstance(node, ast.Module | ast.ClassDef))
    assigned = (part.value for owner in owners for part in owner.body if isinstance(part, ast.Assign | ast.AnnAssign))
    return {word for word in _words(assigned) if _WORD.fullmatch(word)}


def variables() -> set[str]:
    return _like(_VARIABLE)


def trailers() -> set[str]:
    return {found[1] for text in _texts() if (found := _TRAILER.search(text))}


def metrics() -> set[str]:
    """Metrics as they are declared, with their labels; what prometheus_client adds to a name is left out."""
    return {f"{words[0]} {' '.join(labels)}".rstrip() for words, labels in map(_metric, _calls()) if words}


def _metric(call: ast.Call) -> tuple[list[str], list[str]]:
    words = list(_words(call.args))
    if not words or not words[0].startswith("reconciler_"):
        return [], []
    listed = _words(item for argument in call.args if isinstance(argument, ast.List) for item in argument.elts)
    return words, [*listed, *(word for word in words[1:] if _WORD.fullmatch(word))]


def _calls() -> Iterator[ast.Call]:
    return (node for node in _nodes() if isinstance(node, ast.Call))


def answers() -> set[str]:
    """Calls of an HTTP status and its words, and what follows `Route(`: the answers of the webhook, and the paths served."""
    found = {f"{call.args[0].value} {call.args[1].value}" for call in _calls() if _is_answer(call.args)}  # type: ignore[attr-defined]
    return found | {word for call in _calls() if _name(call.func) == "Route" for word in _words(call.args[:1])}


def _is_answer(arguments: list[ast.expr]) -> bool:
    values = [argument.value if isinstance(argument, ast.Constant) else None for argument in arguments[:2]]
    return len(values) == 2 and isinstance(values[0], int) and values[0] >= 200 and isinstance(values[1], str)


def answer_keys() -> set[str]:
    """Keys of JSON in the module that serves HTTP."""
    serving = (module for module in _modules().values() if _imports(module, "starlette"))
    return _keys(node for module in serving for node in ast.walk(module))


def _imports(module: ast.Module, library: str) -> bool:
    return any(isinstance(node, ast.ImportFrom) and str(node.module).startswith(library) for node in ast.walk(module))


def command_keys() -> set[str]:
    """Keys of the mappings that commands make, which is nearly all of what they print as JSON."""
    return _keys(_nodes("cli/"))


def _keys(nodes: Iterable[ast.AST]) -> set[str]:
    found: list[ast.AST | None] = []
    for node in nodes:
        if isinstance(node, ast.Dict):
            found.extend(node.keys)
        elif isinstance(node, ast.Assign):
            found.extend(target.slice for target in node.targets if isinstance(target, ast.Subscript))
    return {word for word in _words(found) if _KEY.fullmatch(word)}


def choices() -> set[str]:
    """The words of every `Literal`, but for those in CamelCase."""
    literals = (node for node in _nodes() if isinstance(node, ast.Subscript) and _name(node.value) == "Literal")
    return {word for literal in literals for word in _words(ast.walk(literal.slice)) if not _CAMEL.fullmatch(word)}


def _chosen_like(wanted: Iterable[str]) -> set[str]:
    """The words that the function returns or assigns which shares most with those that are wanted."""
    wanted = set(wanted)
    functions = (node for node in _nodes() if isinstance(node, ast.FunctionDef))
    return max(map(_chosen, functions), key=lambda words: (len(words & wanted), -len(words)))


def _chosen(function: ast.FunctionDef) -> set[str]:
    given = (node.value for node in ast.walk(function) if isinstance(node, ast.Return | ast.Assign) and node.value)
    return {word for value in given for word in _words(ast.walk(value)) if _WORD.fullmatch(word)}


# --- The comparison -------------------------------------------------------------------------------------------------------------


@functools.cache
def _golden() -> dict[str, list[str]]:
    data: dict[str, list[str]] = load(GOLDEN.read_bytes(), GOLDEN.name).data
    return data


CAMEL_CASE: Final = ("problem_codes", "condition_types", "reasons_and_states", "kinds", "camel_case_not_ours")
NAMES_OF_OURS: Final = ("commit_status_contexts", "labels_and_annotations", "names_of_ours", "comment_marks")
# For each scan the sections of the golden file that together list what it finds.
SCANS: Final[dict[str, tuple[tuple[str, ...], Callable[[], set[str]]]]] = {
    "problem codes": (("problem_codes",), problem_codes),
    "reasons of errors": (("error_reasons",), error_reasons),
    "commands, options and exit codes": (("commands",), commands),
    "environment variables of the configuration": (("configuration_variables",), configuration_variables),
    "strings in CamelCase": (CAMEL_CASE, camel_case),
    "strings that name Catalyst": (NAMES_OF_OURS, names_of_ours),
    "files, folders and refs": (("files", "folders", "refs", "files_not_ours"), files_and_refs),
    "one-word constants": (("branches", "folder_names", "constants_not_ours"), constants),
    "strings that name variables": (("variables", "variables_not_ours"), variables),
    "trailers": (("trailers", "trailers_not_ours"), trailers),
    "metrics": (("metrics",), metrics),
    "results of passes": (("pass_results",), lambda: _chosen_like(_golden()["pass_results"])),
    "results of passes that fail": (("pass_failures",), lambda: _chosen_like(_golden()["pass_failures"])),
    "answers over HTTP": (("answers",), answers),
    "keys of answers over HTTP": (("answer_keys",), answer_keys),
    "keys of commands' JSON": (("json_keys", "sarif_keys", "json_keys_not_ours"), command_keys),
    "fields of a problem in JSON": (("problem_fields",), lambda: fields(Problem.model_json_schema())),
    "fields of what was published in JSON": (
        ("published_fields",),
        lambda: {field.name for field in dataclasses.fields(Published)},
    ),
    "words of Literals": (("choices",), choices),
}


def difference(sections: Iterable[str], golden: set[str], collected: set[str]) -> str:
    """What has to be said of words that are not as listed; empty when all are."""
    gone, new = sorted(golden - collected), sorted(collected - golden)
    lines = [f"{len(gone)} words vanished: {gone}" if gone else "", f"{len(new)} words are new: {new}" if new else ""]
    return "\n".join(["", *filter(None, lines), f"(sections: {', '.join(sections)})", HOW_TO_ACCEPT]) if gone or new else ""


@pytest.mark.parametrize("scan", SCANS)
def test_words_are_as_listed(scan: str) -> None:
    sections, collect = SCANS[scan]
    collected = collect()
    if sections is CAMEL_CASE:  # the reason of an error may be its class's name, and then is no string
        collected -= set(_golden()["error_reasons"]) - {word for section in sections for word in _golden()[section]}
    golden = {word for section in sections for word in _golden()[section]}
    assert (message := difference(sections, golden, collected)) == "", message


def test_schemas_are_of_the_listed_documents() -> None:
    listed = {section.removeprefix("fields of ") for section in _golden() if section.startswith("fields of ")}
    assert (message := difference(("fields of ...",), listed, set(_schemas()))) == "", message


@pytest.mark.parametrize("section", [section for section in _golden() if section.startswith("fields of ")])
def test_fields_are_as_listed(section: str) -> None:
    collected = fields(_schemas()[section.removeprefix("fields of ")])
    assert (message := difference((section,), set(_golden()[section]), collected)) == "", message


def test_each_section_lists_strings_once_and_is_compared() -> None:
    compared = {section for sections, _ in SCANS.values() for section in sections}
    for section, words in _golden().items():
        assert section in compared or section.startswith("fields of ")
        assert all(isinstance(word, str) for word in words), section
        assert words == sorted(set(words)), f"{section}: sorted, each word once"


@pytest.mark.parametrize(("golden", "collected"), [({"Conflict"}, set()), (set(), {"Conflict"}), ({"Conflict"}, {"Clash"})])
def test_a_word_that_vanishes_and_one_that_is_new_are_both_told(golden: set[str], collected: set[str]) -> None:
    message = difference(("problem_codes",), golden, collected)
    assert all(word in message for word in golden | collected)
    assert "tests/golden/public_words.yaml" in message
    assert "CHANGELOG of deploy/README.md" in message
