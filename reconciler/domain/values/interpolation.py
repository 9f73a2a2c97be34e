"""Replaces expressions in values: `host: "{{ application.name }}.example"`.

A text that is exactly one `{{ }}` becomes the result of its expression, with its type; within other text, texts, numbers and
booleans become text. Keys are left as they are. A literal `{{` is written `{{ '{{' }}`.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.values.expressions import (
    MAX_EXPRESSION_LENGTH,
    MAX_WEIGHT,
    ExpressionError,
    evaluate,
    expression_problem,
    is_expression,
    kind,
    number_text,
    weight,
)
from reconciler.model.plain_data import walk_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.domain.values.expressions import Scope
    from reconciler.model.source import KeyPath

MAX_EXPRESSIONS: Final = 50  # in one dependency's values: each costs time
_CLOSING: Final = re.compile(r"(?=\}\})")  # in `}}}` it matches twice


@dataclass(frozen=True)
class _Expression:
    text: str


def check_templates(values: Mapping[str, Any]) -> str | None:
    """Returns why expressions in values cannot be used, in one sentence for their author, with the path; None when they can."""
    count = 0
    for path, text in ((path, text) for path, text, is_value in walk_texts(values) if is_value):
        try:
            for piece in _pieces(text):
                if isinstance(piece, str):
                    continue
                count += 1
                if count > MAX_EXPRESSIONS:
                    return f"the values have more than {MAX_EXPRESSIONS} expressions"
                if (problem := expression_problem(piece.text)) is not None:
                    return _at(path, problem)
        except ExpressionError as error:
            return _at(path, str(error))
    return None


def interpolate(values: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Returns a deep copy of the values with their expressions replaced by their results.

    Args:
        values: a dependency's, of JSON data.
        scope: see `expressions.scope`.

    Raises:
        ExpressionError: an expression cannot be used or evaluated, or the results are too large; the message has the path.
    """
    if (problem := check_templates(values)) is not None:
        raise ExpressionError(problem)
    remaining = MAX_WEIGHT

    def fill(item: Any, path: KeyPath) -> Any:
        nonlocal remaining
        if isinstance(item, dict):
            return {key: fill(child, (*path, key)) for key, child in item.items()}
        if isinstance(item, list):
            return [fill(child, (*path, index)) for index, child in enumerate(item)]
        if not isinstance(item, str) or "{{" not in item:
            return copy.deepcopy(item)
        try:
            result = _filled_text(item, scope)
        except ExpressionError as error:
            raise ExpressionError(_at(path, str(error))) from None
        remaining -= weight(result)
        if remaining < 0:
            raise ExpressionError(_at(path, "the expressions up to here give more than fits into an Application's values"))
        return result

    return {key: fill(item, (key,)) for key, item in values.items()}


def _filled_text(text: str, scope: Scope) -> Any:
    pieces = list(_pieces(text))
    if len(pieces) == 1 and isinstance(pieces[0], _Expression):
        return evaluate(pieces[0].text, scope)
    return "".join(_as_text(piece.text, scope) if isinstance(piece, _Expression) else piece for piece in pieces)


def _as_text(expression: str, scope: Scope) -> str:
    result = evaluate(expression, scope)
    match result:
        case str():
            return result
        case bool():
            return str(result).lower()
        case int() | float():
            return number_text(result)
        case _:
            raise ExpressionError(f"`{expression}` gives {kind(result)}, which cannot be part of a text")


def _pieces(text: str) -> Iterator[str | _Expression]:
    position = 0
    while (opening := text.find("{{", position)) >= 0:
        if opening > position:
            yield text[position:opening]
        closing = _closing(text, opening + 2)
        yield _Expression(text[opening + 2 : closing].strip())
        position = closing + 2
    if position < len(text):
        yield text[position:]


def _closing(text: str, start: int) -> int:
    """The position of the `}}` that closes an expression: the first that makes it valid CEL.

    CEL has `}}` in texts and mappings, too.
    """
    ends = [start + match.start() for match in _CLOSING.finditer(text[start : start + MAX_EXPRESSION_LENGTH + 2])]
    if not ends:
        raise ExpressionError(f"its {{{{ is not closed by }}}} within {MAX_EXPRESSION_LENGTH} characters")
    return next((end for end in ends if is_expression(text[start:end])), ends[0])


def _at(path: KeyPath, message: str) -> str:
    return f"{'.'.join(str(step) for step in path)}: {message}"
