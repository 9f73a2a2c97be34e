"""Expressions in Blueprints, in Google's Common Expression Language: `when: "{{ .config.postgres.mode == 'embedded' }}"`.

The library evaluates; this module says what an expression may be. It may not go through lists or mappings (`map`, `exists` and
their like): that is what makes time and memory grow without bound, and the library goes through a mapping in another order each
time. What is left takes a moment at most, and gives the same for the same scope: no clock, nothing random, no patterns.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reconciler.domain.text.suggestions import did_you_mean
from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import cel

    from reconciler.model.environment import Environment

MAX_LENGTH: Final = 256  # characters: what a person can still mean
MAX_WEIGHT: Final = 256 * 1024  # of what an expression reads, and of what it gives: see `weight`
PART_WEIGHT: Final = 64  # characters that cost the library about as much as one part

NAMES: Final = ("application", "config", "environment")
FUNCTIONS: Final = frozenset({"contains", "double", "endsWith", "int", "size", "startsWith", "string"})
# The library expands these before it tells us what an expression calls. Between name and bracket it allows space and comments.
_GOES_THROUGH: Final = re.compile(r"\b(all|exists|existsOne|exists_one|filter|map)(?:\s|//[^\n]*\n)*\(")
_SYNTAX: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*?)(?: expecting \{.*)?$", re.MULTILINE)
_KINDS: Final = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}

Scope: TypeAlias = "Mapping[str, Any]"


class ExpressionError(IntegrityError):
    """An expression that cannot be used, or not with these values; the message is one sentence and quotes none of the values."""


def scope(config: Mapping[str, Any], *, application: str, blueprint: str, version: str, environment: Environment) -> Scope:
    """What an expression can read; the leading dot is optional everywhere.

    - `config`: the values of the Application whose Blueprint has the expression, defaults filled in
    - `application.name`, `application.blueprint` (`bp-...`), `application.version`
    - `environment.name`, `.organization`, `.envType`
    - `environment.clusters`, `.regions`: of its placements, as they are written, each once
    """
    spec = environment.spec
    return {
        "config": dict(config),
        "application": {"name": application, "blueprint": blueprint, "version": version},
        "environment": {
            "name": environment.metadata.name,
            "organization": spec.organization,
            "envType": spec.env_type,
            "clusters": list(dict.fromkeys(placement.cluster for placement in spec.placements)),
            "regions": list(dict.fromkeys(placement.region for placement in spec.placements)),
        },
    }


def expression_problem(text: str) -> str | None:
    """Why an expression cannot be used, in one sentence for its author; None when it can.

    Args:
        text: CEL, plain or inside one `{{ }}`.
    """
    text = _bare(text)
    found = _program(text)
    if isinstance(found, str):
        return found
    if (going := _GOES_THROUGH.search(text)) is not None:
        return f"`{text}` goes through a list or mapping with {going[1]}, which is not offered; `in` looks for one entry"
    for name in found.variables():
        if (plain := name.removeprefix(".")) not in NAMES:
            return f"`{text}` reads {plain}, which does not exist; {did_you_mean(plain, NAMES)}"
    for name in found.functions():  # operators are among them, as `_==_`
        if name.removeprefix(".").isidentifier() and name not in FUNCTIONS:
            return f"`{text}` calls {name}, which is not offered; {did_you_mean(name, FUNCTIONS)}"
    return None


def evaluate_condition(text: str, scope: Scope) -> bool:
    """Whether a condition (`when`) is true.

    Args:
        text: as for `expression_problem`.
        scope: see `scope`.

    Raises:
        ExpressionError: it cannot be used, or cannot be evaluated with these values, or gives neither true nor false.
    """
    found = evaluate(text, scope)
    if isinstance(found, bool):
        return found
    raise ExpressionError(f"`{_bare(text)}` gives {kind(found)}, not true or false")


def evaluate(text: str, scope: Scope) -> Any:
    """What an expression gives: plain data as JSON has it, mappings in the order of their keys.

    Raises:
        ExpressionError: it cannot be used, or cannot be evaluated with these values, or gives something else than such data.
    """
    text = _bare(text)
    program = _program(text)
    if isinstance(program, str):
        raise ExpressionError(program)
    if (fault := expression_problem(text)) is not None:
        raise ExpressionError(fault)
    # `.config` is CEL's own spelling of "config, whatever stands around it", and a variable of that name to the library.
    read = {name: scope[name.removeprefix(".")] for name in program.variables()}
    if weight(read) > MAX_WEIGHT:
        raise ExpressionError(f"`{text}` reads values that are too large for an expression")
    try:
        found = _plain(program.execute(read))
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionError(f"`{text}` cannot be evaluated: {_why(error, text)}") from None  # it may quote a secret
    if weight(found) > MAX_WEIGHT:
        raise ExpressionError(f"`{text}` gives more than fits into an Application's values")
    return found


def is_expression(text: str) -> bool:
    """Whether the text is CEL at all, and not too long."""
    return not isinstance(_program(_bare(text)), str)


def number_text(number: float) -> str:
    """A number as CEL's `string()` writes it."""
    return str(_number_text().execute({"number": number}))


def kind(value: Any) -> str:
    """What kind of plain data a value is, with its article."""
    return _KINDS.get(type(value), "null")


def weight(data: Any) -> int:
    """How large data is: its characters, and for every part of it as many as a part costs."""
    if isinstance(data, str):
        return PART_WEIGHT + len(data)
    if isinstance(data, list):
        return PART_WEIGHT + sum(map(weight, data))
    if isinstance(data, dict):
        return PART_WEIGHT + sum(len(key) + weight(part) for key, part in data.items())
    return PART_WEIGHT


def _bare(text: str) -> str:
    text = text.strip()
    return text[2:-2].strip() if text.startswith("{{") and text.endswith("}}") else text


@lru_cache(maxsize=1)
def _number_text() -> cel.Program:
    return _compile("string(number)")


def _compile(text: str) -> cel.Program:
    """Import the library when there is an expression at all: it brings a command line that takes longer than all of ours."""
    program: cel.Program = import_module("cel").compile(text)
    return program


def _program(text: str) -> cel.Program | str:
    """The program, or why there is none."""
    return _compiled(text) if len(text) <= MAX_LENGTH else f"it is longer than {MAX_LENGTH} characters"


@lru_cache(maxsize=4096)
def _compiled(text: str) -> cel.Program | str:
    try:
        return _compile(text)
    except ValueError as error:
        found = _SYNTAX.search(str(error))
        where = f": {found[3]} in line {found[1]}, character {found[2]}" if found else ""
        return f"`{text}` is not an expression in CEL{where}"


def _plain(found: Any) -> Any:
    if found is None or isinstance(found, (bool, int, str)) or (isinstance(found, float) and math.isfinite(found)):
        return found
    if isinstance(found, list):
        return [_plain(part) for part in found]
    if isinstance(found, dict) and all(isinstance(key, str) for key in found):
        return {key: _plain(found[key]) for key in sorted(found)}
    raise _NotPlainError


class _NotPlainError(ValueError):
    """A mapping with other keys than text, bytes, infinity and the like."""


def _why(error: Exception, text: str) -> str:
    """The library's error in our words: its own quote values, and a value may be a secret."""
    match error:
        case KeyError(args=(str() as key,)) if key in text:
            return f"there is no key {key}; `has(...)` tells whether there is one"
        case KeyError():
            return "a key that it asks for is not there"
        case IndexError():
            return "a list has no entry of the number that it asks for"
        case ZeroDivisionError():
            return "it divides by zero"
        case ArithmeticError():
            return "a number grows too large"
        case _NotPlainError():
            return "it gives something that is neither text, number, list, mapping with text for keys, true, false nor null"
        case RuntimeError():
            return "it calls something with a value that this is not offered for"
        case _:
            return "a value in it is of another kind than what is done with it"
