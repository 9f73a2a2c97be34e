"""Values with expressions in them: `host: "{{ application.name }}.example"`.

A text that is one `{{ }}` and nothing else becomes what its expression gives, with its type; among other text, texts, numbers and
booleans become text. Keys are as they are written. A literal `{{` is written `{{ '{{' }}`.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.values.expressions import (
    MAX_LENGTH,
    MAX_WEIGHT,
    ExpressionError,
    evaluate,
    expression_problem,
    is_expression,
    kind,
    number_text,
    weight,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.domain.values.expressions import Scope
    from reconciler.model.source import KeyPath

MAX_EXPRESSIONS: Final = 50  # in one dependency's values: each may take a moment
_CLOSING: Final = re.compile(r"(?=\}\})")  # of `}}}`, both


@dataclass(frozen=True)
class _Expression:
    text: str


def check_templates(values: Mapping[str, Any]) -> str | None:
    """Why values cannot be filled in, in one sentence for their author, which says where; None when they can."""
    count = 0
    for way, text in _texts(values, ()):
        try:
            for piece in _pieces(text):
                if isinstance(piece, str):
                    continue
                count += 1
                if count > MAX_EXPRESSIONS:
                    return f"there are more than {MAX_EXPRESSIONS} expressions in them"
                if (fault := expression_problem(piece.text)) is not None:
                    return _at(way, fault)
        except ExpressionError as error:
            return _at(way, str(error))
    return None


def interpolate(values: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """The values with their expressions evaluated; they share nothing with what was given.

    Args:
        values: a dependency's, of plain data.
        scope: see `expressions.scope`.

    Raises:
        ExpressionError: an expression cannot be used or evaluated, or they all give too much; the message says where.
    """
    if (fault := check_templates(values)) is not None:
        raise ExpressionError(fault)
    room = MAX_WEIGHT

    def fill(part: Any, way: KeyPath) -> Any:
        nonlocal room
        if isinstance(part, dict):
            return {key: fill(inner, (*way, key)) for key, inner in part.items()}
        if isinstance(part, list):
            return [fill(inner, (*way, index)) for index, inner in enumerate(part)]
        if not isinstance(part, str) or "{{" not in part:
            return copy.deepcopy(part)
        try:
            found = _filled_text(part, scope)
        except ExpressionError as error:
            raise ExpressionError(_at(way, str(error))) from None
        room -= weight(found)
        if room < 0:
            raise ExpressionError(_at(way, "the expressions up to here give more than fits into an Application's values"))
        return found

    return {key: fill(part, (key,)) for key, part in values.items()}


def _filled_text(text: str, scope: Scope) -> Any:
    pieces = list(_pieces(text))
    if len(pieces) == 1 and isinstance(pieces[0], _Expression):
        return evaluate(pieces[0].text, scope)
    return "".join(_as_text(piece.text, scope) if isinstance(piece, _Expression) else piece for piece in pieces)


def _as_text(expression: str, scope: Scope) -> str:
    found = evaluate(expression, scope)
    match found:
        case str():
            return found
        case bool():
            return str(found).lower()
        case int() | float():
            return number_text(found)
        case _:
            raise ExpressionError(f"`{expression}` gives {kind(found)}, which cannot stand among other text")


def _texts(part: Any, way: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(part, str):
        yield way, part
    elif isinstance(part, dict):
        for key, inner in part.items():
            yield from _texts(inner, (*way, key))
    elif isinstance(part, list):
        for index, inner in enumerate(part):
            yield from _texts(inner, (*way, index))


def _pieces(text: str) -> Iterator[str | _Expression]:
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        if opening > at:
            yield text[at:opening]
        closing = _closing(text, opening + 2)
        yield _Expression(text[opening + 2 : closing].strip())
        at = closing + 2
    if at < len(text):
        yield text[at:]


def _closing(text: str, start: int) -> int:
    """Where the `}}` stands that closes an expression: the first that makes it one. CEL has `}}` in texts and mappings, too."""
    ends = [start + found.start() for found in _CLOSING.finditer(text[start : start + MAX_LENGTH + 2])]
    if not ends:
        raise ExpressionError(f"its {{{{ is not closed by }}}} within {MAX_LENGTH} characters")
    return next((end for end in ends if is_expression(text[start:end])), ends[0])


def _at(way: KeyPath, words: str) -> str:
    return f"{'.'.join(str(step) for step in way)}: {words}"
