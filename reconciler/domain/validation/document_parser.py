"""From a parsed file to a document of ours: every problem at once, each with its place and a way out."""

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

MAX_TOLD: Final = 200  # problems of one document: more than anybody reads

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

_FITS: Final = 60  # characters of a value in a message


def parse_document(source: Source, model: type[M], *, lenient: bool = False) -> tuple[M | None, tuple[Problem, ...]]:
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
        problems = problems_from_validation(error, source, model)
    unknown = [d for d in details if d["type"] == "extra_forbidden"]
    if not lenient or len(unknown) < len(details):
        return None, problems
    data = copy.deepcopy(source.data)
    for detail in unknown:
        _remove(data, _way(detail, source))
    document, deeper = parse_document(replace(source, data=data), model)  # rules over several fields are checked only now
    return document, (*(p.model_copy(update={"severity": "warning"}) for p in problems), *deeper)


def problems_from_validation(error: ValidationError, source: Source, model: type[BaseModel]) -> tuple[Problem, ...]:
    """What pydantic found wrong (the first MAX_TOLD things), in our words and with places.

    A field that is only misspelt is not told as missing too.
    """
    details = error.errors(include_url=False, include_input=True)[:MAX_TOLD]
    meant = {(*way[:-1], nearest(str(way[-1]), _fields(model, way[:-1]))) for way in _ways(details, source, "extra_forbidden")}
    told = (d for d in details if d["type"] != "missing" or _way(d, source) not in meant)
    return tuple(_problem(source, model, d) for d in told)


def _remove(data: Any, way: KeyPath) -> None:
    for step in way[:-1]:
        data = data[step]
    del data[way[-1]]


def _way(detail: ErrorDetails, source: Source) -> KeyPath:
    """The error's location without the steps that pydantic adds for unions and the like."""
    way: KeyPath = ()
    last = len(detail["loc"]) - 1
    for index, step in enumerate(detail["loc"]):
        if (*way, step) in source.locations or (detail["type"] == "missing" and index == last):
            way = (*way, step)
    return way


def _ways(details: Iterable[ErrorDetails], source: Source, kind: str) -> Iterable[KeyPath]:
    return (_way(detail, source) for detail in details if detail["type"] == kind)


def _problem(source: Source, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    way = _way(detail, source)
    name = ".".join(_step(step) for step in way) or "the document"
    given = _shown(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            glued = _step(way[-1]) != str(way[-1])
            hint = "a key is followed by a colon and a space" if glued else did_you_mean(str(way[-1]), _fields(model, way[:-1]))
            return source.problem("UnknownField", f"unknown field {name}", way, hint=hint)
        case "missing":
            return source.problem("MissingField", f"{name} is required", way[:-1])
        case "model_type" | "dict_type":
            fields = sorted(_fields(model, way)) if detail["type"] == "model_type" else []
            hint = f"its fields are {', '.join(fields)}" if fields else ""
            message = f"{name} must be a mapping of fields, not {_kind(detail['input'])}"  # the value may be a secret
            return source.problem("InvalidType", message, way, at_value=True, hint=hint)
        case "union_tag_not_found":
            return source.problem("MissingField", f"{name}.kind is required", way, hint="it says which rule this is")
        case "union_tag_invalid":
            message = f"{name}.kind is {_shown(detail['ctx']['tag'])}; it must be one of {detail['ctx']['expected_tags']}"
            near = nearest(str(detail["ctx"]["tag"]), re.findall(r"'([^']*)'", detail["ctx"]["expected_tags"]))
            hint = f"did you mean {near}?" if near else ""
            return source.problem("InvalidValue", message, (*way, "kind"), at_value=True, hint=hint)
        case "value_error":
            words = str(detail["ctx"]["error"])
            return source.problem("InvalidValue", f"{name}: {words}" if way else words, way, at_value=True)
        case kind if kind in _TYPES:
            word, hint = _TYPES[kind], _another(kind, detail["input"])
            return source.problem("InvalidType", f"{name} must be {word}, not {given}", way, at_value=True, hint=hint)
        case _:
            words, hint = _rule(detail, given)
            return source.problem("InvalidValue", f"{name}{words}", way, at_value=True, hint=hint)


def _step(step: str | int) -> str:
    """A step of a way as it may be shown: what stands behind a colon without a space was meant to be a value."""
    key, colon, _ = str(step).partition(":")
    return f"{key}{colon}..." if colon else key


def _rule(detail: ErrorDetails, given: str) -> tuple[str, str]:
    """Which rule a value breaks, to be read after its name; and what would not."""
    context, value = detail.get("ctx", {}), detail["input"]
    match detail["type"]:
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", context["expected"])
            hint = f"did you mean {near}?" if len(allowed) > 1 and (near := nearest(str(value), allowed)) else ""
            return f" is {given}; it must be {context['expected']}", hint
        case "string_pattern_mismatch":
            return f" is {given}; it must match {context['pattern']}", _mended(str(value), context["pattern"])
        case "string_too_long":
            return f" has {len(value)} characters; at most {context['max_length']} are allowed", "shorten it"
        case "too_short":
            return f" must have at least {context['min_length']} item, not {context['actual_length']}", ""
        case "greater_than_equal":
            return f" is {given}; it must be at least {context['ge']:g}", ""
        case "greater_than":
            return f" is {given}; it must be more than {context['gt']:g}", ""
        case "less_than_equal":
            return f" is {given}; it must be at most {context['le']:g}", ""
        case _:
            return f": {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def _another(kind: str, value: Any) -> str:
    """How the same would be written in the right type."""
    match kind, value:
        case _, None:
            return "give it a value"
        case "string_type", int() | float():
            return "quote it"
        case "bool_type", str() if value.lower() in _TRUE | _FALSE:
            return f"write {'true' if value.lower() in _TRUE else 'false'}"
        case "list_type", str() if len(value) <= _FITS:
            return f"write [{value}]"
        case _:
            return ""


def _mended(value: str, pattern: str) -> str:
    """A hint with the value in small letters and hyphens, if that is allowed."""
    if len(value) > _FITS or "@" in value:
        return ""
    better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    return f"write {better}" if re.fullmatch(pattern, better) else ""


def _shown(value: Any) -> str:
    """A value as an error may show it: short, and only when it is a plain one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        text = re.sub(r"[^/']*@", "...@", repr(value))  # a user and a password in an address
        return text if len(text) <= _FITS else text[: _FITS - 3] + "..."
    return _kind(value)


def _kind(value: Any) -> str:
    """What sort of value it is, in YAML's words."""
    if value is None:
        return "null"
    kinds = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "a mapping")


def _fields(model: type[BaseModel], way: KeyPath) -> set[str]:
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
