"""Evaluates expressions of Blueprints in Google's Common Expression Language: `when: "{{ .config.db.mode == 'embedded' }}"`.

The library evaluates; this module restricts what an expression may use. Iteration over lists or mappings (`map`, `exists` and the
like) is not offered: it makes time and memory grow without bound, and the library iterates over a mapping in varying order. The
rest is fast, and gives the same result for the same scope: no clock, no randomness, no patterns.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.values.cel_tokens import OWN_FUNCTIONS, departure, with_own_functions
from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import cel

    from reconciler.model.environment import Environment

MAX_EXPRESSION_LENGTH: Final = 256  # characters: longer ones are not understood by a reader
MAX_WEIGHT: Final = 256 * 1024  # of the values that an expression reads, and of its result: see `weight`
PART_WEIGHT: Final = 64  # characters that cost the library about as much as one item

NAMES: Final = ("application", "config", "environment")
FUNCTIONS: Final = frozenset({"contains", "double", "endsWith", "int", "size", "startsWith", "string"})
# The library expands these macros before it lists an expression's functions. It allows space and comments before the bracket.
_MACRO: Final = re.compile(r"\b(all|exists|existsOne|exists_one|filter|map)(?:\s|//[^\n]*\n)*\(")
_SYNTAX: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*?)(?: expecting \{.*)?$", re.MULTILINE)
_KINDS: Final = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}

Scope: TypeAlias = "Mapping[str, Any]"


class ExpressionError(IntegrityError):
    """An expression that cannot be used, or not with these values; the message is one sentence and quotes none of the values."""


def scope(config: Mapping[str, Any], *, application: str, blueprint: str, version: str, environment: Environment) -> Scope:
    """Builds the variables that an expression can read; the leading dot is optional everywhere.

    - `config`: the values of the Application whose Blueprint has the expression, with defaults
    - `application.name`, `application.blueprint` (`bp-...`), `application.version`
    - `environment.name`, `.organization`, `.envType`
    - `environment.clusters`, `.regions`: of its placements, in their order, each once
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
    """Returns why an expression cannot be used, in one sentence for its author; None when it can.

    Args:
        text: CEL, plain or inside one `{{ }}`.
    """
    text = _bare(text)
    program = _program(text)
    if isinstance(program, str):
        return program
    if (macro := _MACRO.search(text)) is not None:
        return f"`{text}` iterates over a list or mapping with {macro[1]}, which is not offered; `in` tests for one entry"
    for name in program.variables():
        if (bare_name := name.removeprefix(".")) not in NAMES:
            return f"`{text}` reads {bare_name}, which does not exist; {did_you_mean(bare_name, NAMES)}"
    for name in program.functions():  # operators are among them, as `_==_`
        if name.removeprefix(".").isidentifier() and name not in FUNCTIONS.union(OWN_FUNCTIONS.values()):
            return f"`{text}` calls {name}, which is not offered; {did_you_mean(name, FUNCTIONS)}"
    departed = departure(text, program.functions())
    return f"`{text}` {departed}" if departed else None


def evaluate_condition(text: str, scope: Scope) -> bool:
    """Evaluates a condition (`when`).

    Args:
        text: as for `expression_problem`.
        scope: see `scope`.

    Raises:
        ExpressionError: it cannot be used, or cannot be evaluated with these values, or its result is not a boolean.
    """
    result = evaluate(text, scope)
    if isinstance(result, bool):
        return result
    raise ExpressionError(f"`{_bare(text)}` gives {kind(result)}, not true or false")


def evaluate(text: str, scope: Scope) -> Any:
    """Evaluates an expression: returns JSON data, mappings in the order of their keys.

    Raises:
        ExpressionError: it cannot be used, or cannot be evaluated with these values, or its result is not such data.
    """
    text = _bare(text)
    program = _program(text)
    if isinstance(program, str):
        raise ExpressionError(program)
    if (problem := expression_problem(text)) is not None:
        raise ExpressionError(problem)
    # `.config` is CEL's spelling of "`config` of the outermost scope"; the library lists it as a variable of that name.
    variables = {name: scope[name.removeprefix(".")] for name in program.variables()}
    if weight(variables) > MAX_WEIGHT:
        raise ExpressionError(f"`{text}` reads values that are too large for an expression")
    try:
        result = _plain(program.execute(_context(variables)))
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionError(f"`{text}` cannot be evaluated: {_why(error, text)}") from None  # the cause may quote a secret
    if weight(result) > MAX_WEIGHT:
        raise ExpressionError(f"`{text}` gives more than fits into an Application's values")
    return result


def is_expression(text: str) -> bool:
    """Whether the text is valid CEL, and not too long."""
    return not isinstance(_program(_bare(text)), str)


def number_text(number: float) -> str:
    """Returns a number as CEL's `string()` writes it."""
    return str(_number_text().execute({"number": number}))


def kind(value: Any) -> str:
    """Returns the kind of a value of JSON data, with its article."""
    return _KINDS.get(type(value), "null")


def weight(data: Any) -> int:
    """Returns the size of data: its characters, and PART_WEIGHT for each item."""
    if isinstance(data, str):
        return PART_WEIGHT + len(data)
    if isinstance(data, list):
        return PART_WEIGHT + sum(map(weight, data))
    if isinstance(data, dict):
        return PART_WEIGHT + sum(len(key) + weight(item) for key, item in data.items())
    return PART_WEIGHT


def _bare(text: str) -> str:
    text = text.strip()
    return text[2:-2].strip() if text.startswith("{{") and text.endswith("}}") else text


@lru_cache(maxsize=1)
def _number_text() -> cel.Program:
    program: cel.Program = import_module("cel").compile("string(number)")  # the library's own
    return program


def _compile(text: str) -> cel.Program:
    """Compiles CEL. The library is imported here, at the first expression: its import takes longer than all of ours."""
    program: cel.Program = import_module("cel").compile(with_own_functions(text))
    return program


def _context(variables: Mapping[str, Any]) -> cel.Context:
    """The library's context of an evaluation: the variables, and the functions of ours (`cel_tokens`)."""
    context: cel.Context = import_module("cel").Context(
        dict(variables), {OWN_FUNCTIONS["size"]: _size, OWN_FUNCTIONS["string"]: _string}
    )
    return context


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes, list, dict)):
        return len(value)
    raise TypeError("size() takes text, a list or a mapping")


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, (str, int)):
        return str(value)
    raise TypeError("string() takes text, a number or a boolean")


def _program(text: str) -> cel.Program | str:
    """The program, or why there is none."""
    return _compiled(text) if len(text) <= MAX_EXPRESSION_LENGTH else f"it is longer than {MAX_EXPRESSION_LENGTH} characters"


@lru_cache(maxsize=4096)
def _compiled(text: str) -> cel.Program | str:
    try:
        return _compile(text)
    except ValueError as error:
        syntax_error = _SYNTAX.search(str(error))
        detail = f": {syntax_error[3]} in line {syntax_error[1]}, character {syntax_error[2]}" if syntax_error else ""
        return f"`{text}` is not an expression in CEL{detail}"


def _plain(result: Any) -> Any:
    if result is None or isinstance(result, (bool, int, str)) or (isinstance(result, float) and math.isfinite(result)):
        return result
    if isinstance(result, list):
        return [_plain(item) for item in result]
    if isinstance(result, dict) and all(isinstance(key, str) for key in result):
        return {key: _plain(result[key]) for key in sorted(result)}
    raise _NotPlainError


class _NotPlainError(ValueError):
    """A result that is not JSON data: a mapping with other keys than strings, bytes, infinity and the like."""


def _why(error: Exception, text: str) -> str:
    """The library's error in our words: its own messages quote values, and a value may be a secret."""
    match error:
        case KeyError(args=(str() as key,)) if key in text:
            return f"there is no key {key}; test for it with `has(...)`"
        case KeyError():
            return "a key that it reads does not exist"
        case IndexError():
            return "a list has no entry at the index that it reads"
        case ZeroDivisionError():
            return "it divides by zero"
        case ArithmeticError():
            return "a number grows too large"
        case _NotPlainError():
            return "its result is neither text, number, list, mapping with text for keys, true, false nor null"
        case RuntimeError():
            return "it calls a function with a value of a type that the function does not take"
        case _:
            return "a value has a type that the operation on it does not take"
