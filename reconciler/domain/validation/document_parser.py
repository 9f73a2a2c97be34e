"""Parses a file into a document of a model, and reports every problem at once, each with its place and a hint."""

from __future__ import annotations

import copy
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.domain.text.suggestions import did_you_mean, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

M = TypeVar("M", bound=BaseModel)

MAX_DOCUMENT_PROBLEMS: Final = 200  # more than anybody reads

_TYPES: Final[Mapping[str, str]] = {
    "string_type": "a string",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "path_type": "a path",
}

_TRUE: Final = frozenset({"true", "yes", "on"})
_FALSE: Final = frozenset({"false", "no", "off"})
_MAX_SHOWN: Final = 60  # characters of a value in a message


def parse_document(source: Source, model: type[M], *, lenient: bool = False) -> tuple[M | None, tuple[Problem, ...]]:
    """Validates a parsed file against a model.

    Args:
        source: the file; its own problems are returned unchanged.
        model: the model of the document.
        lenient: unknown fields are warnings. For published documents, which are signed and cannot be edited by their reader.

    Returns:
        The document, or None when there is an error; and all problems.
    """
    if source.problems:
        return None, source.problems
    try:
        return model.model_validate(source.data, by_alias=True, by_name=False), ()
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=True)
        problems = problems_from_validation(error, source, model)
    unknown = [d for d in details if d["type"] == "extra_forbidden"]
    if not lenient or len(unknown) < len(details):
        return None, problems
    data = copy.deepcopy(source.data)
    for detail in unknown:
        _remove(data, _path(detail, source))
    # Pydantic checks rules over several fields only when each field is valid, so that more problems may follow.
    document, deeper = parse_document(replace(source, data=data), model)
    return document, (*(p.model_copy(update={"severity": "warning"}) for p in problems), *deeper)


def problems_from_validation(error: ValidationError, source: Source, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Converts pydantic's errors (the first MAX_DOCUMENT_PROBLEMS) into problems with our messages and places.

    A field that is only misspelt is not reported as missing too.
    """
    details = error.errors(include_url=False, include_input=True)[:MAX_DOCUMENT_PROBLEMS]
    misspelt = {
        (*path[:-1], nearest(str(path[-1]), _fields(model, path[:-1]))) for path in _paths(details, source, "extra_forbidden")
    }
    reported = (detail for detail in details if detail["type"] != "missing" or _path(detail, source) not in misspelt)
    return tuple(_problem(source, model, detail) for detail in reported)


def _remove(data: Any, path: KeyPath) -> None:
    for step in path[:-1]:
        data = data[step]
    del data[path[-1]]


def _path(detail: ErrorDetails, source: Source) -> KeyPath:
    """The error's location without the steps that pydantic adds for unions and the like."""
    path: KeyPath = ()
    last = len(detail["loc"]) - 1
    for index, step in enumerate(detail["loc"]):
        if (*path, step) in source.locations or (detail["type"] == "missing" and index == last):
            path = (*path, step)
    return path


def _paths(details: Iterable[ErrorDetails], source: Source, kind: str) -> Iterable[KeyPath]:
    return (_path(detail, source) for detail in details if detail["type"] == kind)


def _problem(source: Source, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    path = _path(detail, source)
    name = ".".join(_step(step) for step in path) or "the document"
    value = _shown(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            has_colon = _step(path[-1]) != str(path[-1])
            hint = (
                "a key is followed by a colon and a space"
                if has_colon
                else did_you_mean(str(path[-1]), _fields(model, path[:-1]))
            )
            return source.problem("UnknownField", f"unknown field {name}", path, hint=hint)
        case "missing":
            return source.problem("MissingField", f"{name} is required", path[:-1])
        case "model_type" | "dict_type":
            fields = sorted(_fields(model, path)) if detail["type"] == "model_type" else []
            hint = f"its fields are {', '.join(fields)}" if fields else ""
            message = f"{name} must be a mapping of fields, not {_kind(detail['input'])}"  # the value may be a secret
            return source.problem("InvalidType", message, path, at_value=True, hint=hint)
        case "union_tag_not_found":
            return source.problem("MissingField", f"{name}.kind is required", path, hint="it selects the rule")
        case "union_tag_invalid":
            message = f"{name}.kind is {_shown(detail['ctx']['tag'])}; it must be one of {detail['ctx']['expected_tags']}"
            nearest_tag = nearest(str(detail["ctx"]["tag"]), re.findall(r"'([^']*)'", detail["ctx"]["expected_tags"]))
            hint = f"did you mean {nearest_tag}?" if nearest_tag else ""
            return source.problem("InvalidValue", message, (*path, "kind"), at_value=True, hint=hint)
        case "value_error":
            message = str(detail["ctx"]["error"])
            return source.problem("InvalidValue", f"{name}: {message}" if path else message, path, at_value=True)
        case error_type if error_type in _TYPES:
            expected, hint = _TYPES[error_type], _type_hint(error_type, detail["input"])
            return source.problem("InvalidType", f"{name} must be {expected}, not {value}", path, at_value=True, hint=hint)
        case _:
            message, hint = _rule(detail, value)
            return source.problem("InvalidValue", f"{name}{message}", path, at_value=True, hint=hint)


def _step(step: str | int) -> str:
    """A step of a path as it may be shown: text after a colon without a space was meant to be a value, and may be a secret."""
    key, colon, _ = str(step).partition(":")
    return f"{key}{colon}..." if colon else key


def _rule(detail: ErrorDetails, shown: str) -> tuple[str, str]:
    """The rule that a value breaks, to be read after the field's name; and a hint."""
    context, value = detail.get("ctx", {}), detail["input"]
    match detail["type"]:
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", context["expected"])
            hint = f"did you mean {suggestion}?" if len(allowed) > 1 and (suggestion := nearest(str(value), allowed)) else ""
            return f" is {shown}; it must be {context['expected']}", hint
        case "string_pattern_mismatch":
            return f" is {shown}; it must match {context['pattern']}", _pattern_hint(str(value), context["pattern"])
        case "string_too_long":
            return f" has {len(value)} characters; at most {context['max_length']} are allowed", "shorten it"
        case "too_short":
            return f" must have at least {context['min_length']} item, not {context['actual_length']}", ""
        case "greater_than_equal":
            return f" is {shown}; it must be at least {context['ge']:g}", ""
        case "greater_than":
            return f" is {shown}; it must be more than {context['gt']:g}", ""
        case "less_than_equal":
            return f" is {shown}; it must be at most {context['le']:g}", ""
        case _:
            return f": {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def _type_hint(error_type: str, value: Any) -> str:
    """A hint how to write the value in the right type."""
    match error_type, value:
        case _, None:
            return "give it a value"
        case "string_type", int() | float():
            return "quote it"
        case "bool_type", str() if value.lower() in _TRUE | _FALSE:
            return f"write {'true' if value.lower() in _TRUE else 'false'}"
        case "list_type", str() if len(value) <= _MAX_SHOWN:
            return f"write [{value}]"
        case _:
            return ""


def _pattern_hint(value: str, pattern: str) -> str:
    """A hint with the value in lower case and hyphens, if the pattern allows that."""
    if len(value) > _MAX_SHOWN or "@" in value:
        return ""
    suggestion = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    return f"write {suggestion}" if re.fullmatch(pattern, suggestion) else ""


def _shown(value: Any) -> str:
    """A value as a message may show it: short, and only when it is a scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        text = re.sub(r"[^/']*@", "...@", repr(value))  # hides the user and the password of a URL
        return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
    return _kind(value)


def _kind(value: Any) -> str:
    """The kind of a value, in YAML's terms."""
    if value is None:
        return "null"
    kinds = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "a mapping")


def _fields(model: type[BaseModel], path: KeyPath) -> set[str]:
    """The names of the fields that a model's document may have at a path."""
    models: set[type[BaseModel]] = {model}
    for step in path:
        if isinstance(step, int):
            continue
        models = {
            inner
            for candidate in models
            for field_name, field in candidate.model_fields.items()
            if step in {field_name, field.alias}
            for inner in _models(field.annotation)
        }
    return {field.alias or name for candidate in models for name, field in candidate.model_fields.items()}


def _models(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {model for part in typing.get_args(annotation) for model in _models(part)}


def kind_of(source: Source) -> str:
    """Returns the document's kind, or an empty string when it has none."""
    data = source.data
    kind = data.get("kind") if isinstance(data, Mapping) else None
    return kind if isinstance(kind, str) else ""
