"""Values against a JSON Schema, and what is wrong with them in plain words.

The check is jsonschema-rs's: patterns run in linear time and no reference is ever fetched. The words are ours: they say what is
allowed, and never repeat a value, since it may be a secret and the words are committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from reconciler.domain.text.suggestions import did_you_mean, nearest
from reconciler.domain.values.schema_cost import exceeds_cost_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema_rs import ValidationError

    from reconciler.model.source import KeyPath

MAX_LISTED: Final = 12  # allowed values that are listed; more do not fit a line
MAX_SHOWN_WORD: Final = 80
_REQUIRED: Final = "is required"
MAX_COMPLAINTS: Final = 200  # more than anybody reads; to look for the nearest known key costs time
TOO_MUCH: Final = "would take too long to check: references and forms multiply"
_TYPES: Final = {
    "string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false", "object": "a mapping",
    "array": "a list", "null": "null",
}  # fmt: skip
_FORMATS: Final = {
    "email": "an e-mail address", "idn-email": "an e-mail address", "hostname": "a host name", "idn-hostname": "a host name",
    "ipv4": "an IPv4 address", "ipv6": "an IPv6 address", "uri": "a URI", "iri": "a URI", "uri-reference": "a URI or a path",
    "date": "a date such as 2030-01-31", "time": "a time such as 10:00:00Z", "date-time": "a time such as 2030-01-31T10:00:00Z",
    "duration": "a duration such as P1DT2H", "uuid": "a UUID", "regex": "a regular expression",
}  # fmt: skip
# The keyword's limit as `{}`; what a value must be.
_LIMITS: Final = {
    "maximum": "must be at most {}", "exclusiveMaximum": "must be less than {}", "minimum": "must be at least {}",
    "exclusiveMinimum": "must be more than {}", "multipleOf": "must be a multiple of {}",
    "maxLength": "must have at most {} characters", "minLength": "must have at least {} characters",
    "maxItems": "must have at most {} entries", "minItems": "must have at least {} entries",
    "maxProperties": "must have at most {} keys", "minProperties": "must have at least {} keys",
    "additionalItems": "must have at most {} entries", "pattern": "must match {}", "const": "must be {}",
    "contentEncoding": "must be encoded as {}", "contentMediaType": "must be of the media type {}",
}  # fmt: skip
_OTHERS: Final = {
    "uniqueItems": "must not have an entry twice", "contains": "must have an entry of the kind that its schema asks for",
    "not": "is what its schema rules out", "falseSchema": "must be left out",
    "unevaluatedItems": "has entries that its schema does not know",
}  # fmt: skip


@dataclass(frozen=True)
class SchemaViolation:
    """One thing wrong with values.

    Attributes:
        way: where in the values; it may lead to a key that is missing.
        words: what is wrong, to follow the key's name: `must be at most 9`.
        hint: what to do; may be empty.
        at_key: whether the key itself is wrong rather than its value.
        meant: the known key of which this one is a misspelling; may be empty.
    """

    way: KeyPath
    words: str
    hint: str = ""
    at_key: bool = False
    meant: str = ""


def schema_problem(schema: Mapping[str, Any], *, default: str = "2020-12") -> str | None:
    """Why a schema cannot be used, in a few words; None when it can. What a schema says is no secret."""
    if exceeds_cost_limit(schema, {}):
        return TOO_MUCH
    try:
        _validator(schema, default, mask=None)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        path = error.instance_path if isinstance(error, jsonschema_rs.ValidationError) else []
        where = f"{'.'.join(map(str, path))}: " if path else ""
        return f"{where}{str(error).splitlines()[0]}"[:200]
    return None


def violations(
    schema: Mapping[str, Any], values: Any, *, default: str = "2020-12", who: str = "the Blueprint"
) -> Iterator[SchemaViolation]:
    """All that is wrong with values, or the first MAX_COMPLAINTS things.

    Args:
        schema: a usable one (`schema_problem`).
        values: plain data.
        default: the draft that counts when the schema names none: `2020-12` or `7`.
        who: whose schema it is, for the words about unknown keys.
    """
    if exceeds_cost_limit(schema, values):
        yield SchemaViolation((), TOO_MUCH, "nest less")
        return
    errors = _validator(schema, default).iter_errors(values)
    said = list(islice((one for error in errors for one in _said(error, schema, values, who)), MAX_COMPLAINTS))
    meant = {(*one.way[:-1], one.meant) for one in said if one.meant}
    yield from (one for one in said if one.words != _REQUIRED or one.way not in meant)  # it is there, only misspelt


def is_valid(schema: Mapping[str, Any], values: Any) -> bool:
    """Whether values are as a usable schema says; draft 2020-12 when it names none. What is too much to check does not fit."""
    return not exceeds_cost_limit(schema, values) and bool(_validator(schema, "2020-12").is_valid(values))


def _never(uri: str) -> Any:
    raise ValueError(f"the reference {uri} leads outside the schema and is not fetched")


def _validator(schema: Mapping[str, Any], default: str, mask: str | None = "the value") -> Any:
    plain = dict(schema)
    seven = default == "7" and "$schema" not in plain
    make = jsonschema_rs.Draft7Validator if seven else jsonschema_rs.validator_cls_for(plain)
    return make(
        plain,
        retriever=_never,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        mask=mask,  # should any of its own words come out
    )


def _said(error: ValidationError, schema: Mapping[str, Any], values: Any, who: str) -> Iterator[SchemaViolation]:
    way, kind = _way(error.instance_path, values), error.kind
    match kind:
        case Kind.AdditionalProperties() | Kind.UnevaluatedProperties():
            yield from _unknown(way, kind.unexpected, _known(schema, error.schema_path), who)
        case Kind.FalseSchema() if error.schema_path[-1:] == ["additionalProperties"]:  # where no key at all is known
            yield from _unknown(way, _at(values, way), (), who)
        case Kind.Required():
            yield SchemaViolation((*way, kind.property), _REQUIRED)
        case Kind.Enum():
            yield _one_of(way, kind.options, _at(values, way))
        case Kind.AnyOf() | Kind.OneOfNotValid():
            yield from _forms(way, kind.context, schema, values, who)
        case Kind.PropertyNames():
            inner = next(_said(kind.error, schema, values, who), None)
            yield SchemaViolation(way, f"has a key that is not allowed: it {inner.words if inner else 'is invalid'}")
        case _:
            yield SchemaViolation(way, _words(kind))


def _unknown(way: KeyPath, keys: Iterable[str], known: Iterable[str], who: str) -> Iterator[SchemaViolation]:
    names = sorted(known)
    for key in keys:
        meant = nearest(key, names)
        yield SchemaViolation((*way, key), f"is not a key that {who} knows", did_you_mean(key, names), at_key=True, meant=meant)


def _words(kind: Any) -> str:
    match kind:
        case Kind.Type():
            return _types(kind.types)
        case Kind.Format():
            return f"must be {_FORMATS.get(kind.format, f'of the format {kind.format}')}"
        case Kind.OneOfMultipleValid():
            return "fits more than one of the forms of which it may have exactly one"
    if kind.name in _LIMITS:
        return _LIMITS[kind.name].format(_shown(kind.value))
    return _OTHERS.get(kind.name, "is not as its schema says")


def _types(types: Iterable[str]) -> str:
    words = dict.fromkeys(sorted(types, key=lambda t: t == "null"))  # which goes without saying, and so comes last
    return f"must be {' or '.join(_TYPES.get(t, t) for t in words)}"


def _forms(
    way: KeyPath, context: list[list[ValidationError]], schema: Mapping[str, Any], values: Any, who: str
) -> Iterator[SchemaViolation]:
    """Why values have none of several forms: the only one that they can be meant to have speaks, else all in one sentence."""
    flat = [error for errors in context for error in errors]
    if flat and all(isinstance(e.kind, Kind.Constant | Kind.Enum) and _way(e.instance_path, values) == way for e in flat):
        options = [o for e in flat for o in (e.kind.options if isinstance(e.kind, Kind.Enum) else [e.kind.value])]
        yield _one_of(way, options, _at(values, way))
        return
    meant = [errors for errors in context if not any(_rules_out(e, way, values) for e in errors)]
    if len(meant) == 1:
        for error in meant[0]:
            yield from _said(error, schema, values, who)
    elif not meant and all(len(errors) == 1 and isinstance(errors[0].kind, Kind.Type) for errors in context):
        yield SchemaViolation(way, _types(t for e in flat for t in e.kind.value))
    elif not meant and (told := list(dict.fromkeys(_discriminators(flat, way, values)))):
        for place in dict.fromkeys(place for place, _ in told):
            yield _one_of(place, [json.loads(option) for where, option in told if where == place], _at(values, place))
    else:
        yield SchemaViolation(way, f"has none of the {len(context)} forms that it may have")


def _rules_out(error: ValidationError, way: KeyPath, values: Any) -> bool:
    """Whether an error says that another form is meant: a wrong type of the whole, or another word where forms are told apart."""
    if isinstance(error.kind, Kind.Type):
        return _way(error.instance_path, values) == way
    return isinstance(error.kind, Kind.Constant | Kind.Enum)


def _discriminators(errors: Iterable[ValidationError], way: KeyPath, values: Any) -> Iterator[tuple[KeyPath, str]]:
    """The words by which forms are told apart (one key below the whole), each with its place, as JSON."""
    for error in errors:
        place = _way(error.instance_path, values)
        if isinstance(error.kind, Kind.Constant | Kind.Enum) and len(place) == len(way) + 1:
            for option in error.kind.options if isinstance(error.kind, Kind.Enum) else [error.kind.value]:
                yield place, json.dumps(option)


def _one_of(way: KeyPath, options: list[Any], value: Any) -> SchemaViolation:
    shown = list(dict.fromkeys(_shown(option) for option in options))
    if len(shown) > MAX_LISTED:
        words = f"must be one of {', '.join(shown[:MAX_LISTED])} and {len(shown) - MAX_LISTED} more"
    else:
        words = f"must be one of {', '.join(shown)}" if len(shown) > 1 else f"must be {', '.join(shown)}"
    near = nearest(value, [o for o in options if isinstance(o, str)]) if isinstance(value, str) else ""
    return SchemaViolation(way, words, f"did you mean {near}?" if near else "")


def _shown(option: Any) -> str:
    """A word of the schema's own, which is no secret."""
    text = option if isinstance(option, str) and option.strip() else json.dumps(option, default=str)
    return text if len(text) <= MAX_SHOWN_WORD else text[: MAX_SHOWN_WORD - 3] + "..."


def _way(path: Iterable[str | int], values: Any) -> KeyPath:
    """The validator's path; it takes keys of digits alone for indexes."""
    way: KeyPath = ()
    for step in path:
        is_key = isinstance(values, dict)
        way = (*way, str(step) if is_key else step)
        values = values.get(str(step)) if is_key else values[step]
    return way


def _at(values: Any, way: KeyPath) -> Any:
    for step in way:
        values = values[step]
    return values


def _known(schema: Mapping[str, Any], path: list[str | int]) -> Iterable[str]:
    """The keys that stand beside the rule to which `path` leads; the validator has followed references for it."""
    part: Any = schema
    for step in path[:-1]:
        if isinstance(part, list):
            part = part[step] if isinstance(step, int) and step < len(part) else None
        else:
            part = part.get(str(step)) if isinstance(part, dict) else None
    properties = part.get("properties") if isinstance(part, dict) else None
    return properties if isinstance(properties, dict) else ()
