"""From a parsed file to a document of ours: every problem at once, each with its place and a way out."""

from __future__ import annotations

import copy
import difflib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from reconciler.model.problem import Problem
    from reconciler.model.source import Source, Way

M = TypeVar("M", bound=BaseModel)


def shape(source: Source, model: type[M], *, lenient: bool = False) -> tuple[M | None, tuple[Problem, ...]]:
    """Check a parsed file against a model.

    Args:
        source: the file; its own problems are returned as they are.
        model: the document it must be.
        lenient: unknown fields are warnings. For what is published already: it is signed, and not the reader's to edit.

    Returns:
        The document, or None when there is an error; and all problems.
    """
    if source.problems:
        return None, source.problems
    try:
        return model.model_validate(source.data, by_alias=True, by_name=False), ()
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=True)
        problems = problems_of(error, source, model)
    unknown = [d for d in details if d["type"] == "extra_forbidden"]
    if not lenient or len(unknown) < len(details):
        return None, problems
    data = copy.deepcopy(source.data)
    for detail in unknown:
        _remove(data, _way(detail, source))
    document, deeper = shape(replace(source, data=data), model)  # rules over several fields are checked only now
    return document, (*(p.model_copy(update={"severity": "warning"}) for p in problems), *deeper)


def problems_of(error: ValidationError, source: Source, model: type[BaseModel]) -> tuple[Problem, ...]:
    """What pydantic found wrong, in our words and with places."""
    return tuple(_problem(source, model, d) for d in error.errors(include_url=False, include_input=True))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them when none is near and they are few."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(words)}" if 0 < len(words) <= 12 else ""  # noqa: PLR2004 - a list that fits the eye


def _remove(data: Any, way: Way) -> None:
    for step in way[:-1]:
        data = data[step]
    del data[way[-1]]


def _way(detail: ErrorDetails, source: Source) -> Way:
    """The error's location without the steps that pydantic adds for unions and the like."""
    way: Way = ()
    for step in detail["loc"]:
        if (*way, step) in source.places or detail["type"] == "missing":
            way = (*way, step)
    return way


def _problem(source: Source, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    way = _way(detail, source)
    name = ".".join(str(step) for step in way) or "the document"
    match detail["type"]:
        case "extra_forbidden":
            hint = did_you_mean(str(way[-1]), _fields(model, way[:-1]))
            return source.problem("UnknownField", f"unknown field {name}", way, hint=hint)
        case "missing":
            return source.problem("MissingField", f"{name} is required", way[:-1])
        case "literal_error":
            message = f"{name} is {_shown(detail['input'])}; it must be {detail['ctx']['expected']}"
            return source.problem("InvalidValue", message, way, at_value=True)
        case "string_pattern_mismatch":
            message = f"{name} is {_shown(detail['input'])}; it must match {detail['ctx']['pattern']}"
            return source.problem("InvalidValue", message, way, at_value=True)
        case "string_type":
            hint = "quote it" if isinstance(detail["input"], int | float) else ""
            message = f"{name} must be a string, not {_shown(detail['input'])}"
            return source.problem("InvalidType", message, way, at_value=True, hint=hint)
        case "value_error":
            return source.problem("InvalidValue", str(detail["ctx"]["error"]), way)
        case "model_type" | "dict_type":
            return source.problem("InvalidType", f"{name} must be a mapping of fields", way, at_value=True)
        case _:
            message = detail["msg"][:1].lower() + detail["msg"][1:]
            return source.problem("InvalidValue", f"{name}: {message}", way, at_value=True)


def _shown(value: Any) -> str:
    """A value as an error may show it: short, and only when it is a plain one."""
    if isinstance(value, str | int | float | bool) or value is None:
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - fits a line
    return f"a {type(value).__name__}"


def _fields(model: type[BaseModel], way: Way) -> set[str]:
    """The names of the fields that may stand at `way` of a model's document."""
    models: set[type[BaseModel]] = {model}
    for step in way:
        if isinstance(step, int):
            continue
        models = {
            found
            for one in models
            for field_name, field in one.model_fields.items()
            if step in {field_name, field.alias}
            for found in _models(field.annotation)
        }
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _models(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for part in typing.get_args(annotation) for found in _models(part)}


def kind_of(source: Source) -> str:
    """The document's kind, or an empty string when it has none."""
    data = source.data
    kind = data.get("kind") if isinstance(data, Mapping) else None
    return kind if isinstance(kind, str) else ""
