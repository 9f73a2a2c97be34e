"""Validates values against a JSON Schema, and describes violations in plain words.

The messages are ours: they state what
is allowed, and never quote a value, since it may be a secret and messages are committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jsonschema_rs import ValidationErrorKind as Kind

from reconciler.domain.text.listing import join_first
from reconciler.domain.text.suggestions import did_you_mean, nearest
from reconciler.domain.values.schema_cost import exceeds_cost_limit
from reconciler.domain.values.schema_validator import SchemaUnusableError, Validator
from reconciler.model.plain_data import value_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema_rs import ValidationError

    from reconciler.model.source import KeyPath

MAX_LISTED: Final = 12  # allowed values in a message; more do not fit a line
MAX_SHOWN_WORD: Final = 80  # characters of a schema's value in a message
_REQUIRED: Final = "is required"
MAX_VIOLATIONS: Final = 200  # more than anybody reads; finding the nearest known key costs time
TOO_MUCH: Final = "would take too long to check: its references and forms multiply"
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
# By keyword, with its limit as `{}`.
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
    "uniqueItems": "must not have an entry twice", "contains": "must have an entry that matches its schema's `contains`",
    "not": "must not match its schema's `not`", "falseSchema": "must be left out",
    "unevaluatedItems": "has entries that its schema does not allow",
}  # fmt: skip


@dataclass(frozen=True)
class SchemaViolation:
    """One violation of a schema.

    Attributes:
        path: the path in the values; it may lead to a key that is missing.
        message: the message, to follow the key's name: `must be at most 9`.
        hint: the fix; may be empty.
        at_key: whether the key itself is wrong rather than its value.
        intended_key: the known key of which this one is a misspelling; may be empty.
    """

    path: KeyPath
    message: str
    hint: str = ""
    at_key: bool = False
    intended_key: str = ""


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Returns why a schema cannot be used, in a few words; None when it can. The text of a schema is public, and is quoted."""
    try:
        check_schema(schema)
    except SchemaUnusableError as error:
        return error.message
    return None


def check_schema(schema: Mapping[str, Any], *, as_helm: bool = False) -> None:
    """Raises SchemaUnusableError when a schema cannot be used; arguments as for `violations`."""
    if exceeds_cost_limit(schema, {}):
        raise SchemaUnusableError(TOO_MUCH)
    Validator(schema, as_helm=as_helm, mask=None)


def violations(
    schema: Mapping[str, Any], values: Any, *, as_helm: bool = False, who: str = "the Blueprint"
) -> Iterator[SchemaViolation]:
    """Yields all violations of a schema by values, up to MAX_VIOLATIONS.

    Args:
        schema: a usable one (`check_schema`).
        values: JSON data.
        as_helm: whether it is a chart's, which is validated as Helm does (`schema_validator.Validator`).
        who: the owner of the schema, for messages about unknown keys.
    """
    if exceeds_cost_limit(schema, values):
        yield SchemaViolation((), TOO_MUCH, "nest less")
        return
    try:
        errors = Validator(schema, as_helm=as_helm).errors(values, MAX_VIOLATIONS)
    except SchemaUnusableError as error:
        yield SchemaViolation((), f"cannot be checked against its schema: {error.message}", "correct the schema")
        return
    reported = list(
        islice((violation for error in errors for violation in _describe(error, schema, values, who)), MAX_VIOLATIONS)
    )
    meant = {(*violation.path[:-1], violation.intended_key) for violation in reported if violation.intended_key}
    # A required key that is only misspelt is not reported as missing too.
    yield from (violation for violation in reported if violation.message != _REQUIRED or violation.path not in meant)


def is_valid(schema: Mapping[str, Any], values: Any) -> bool:
    """Whether values satisfy a usable schema; draft 2020-12 when it names none. Values that exceed the cost limit do not."""
    if exceeds_cost_limit(schema, values):
        return False
    try:
        return Validator(schema).is_valid(values)
    except SchemaUnusableError:
        return False


def _describe(error: ValidationError, schema: Mapping[str, Any], values: Any, who: str) -> Iterator[SchemaViolation]:
    path, kind = _key_path(error.instance_path, values), error.kind
    match kind:
        case Kind.AdditionalProperties() | Kind.UnevaluatedProperties():
            yield from _unknown(path, kind.unexpected, _known(schema, error.schema_path), who)
        case Kind.FalseSchema() if error.schema_path[-1:] == ["additionalProperties"]:  # a schema that allows no keys
            yield from _unknown(path, value_at(values, path), (), who)
        case Kind.Required():
            yield SchemaViolation((*path, kind.property), _REQUIRED)
        case Kind.Enum():
            yield _one_of(path, kind.options, value_at(values, path))
        case Kind.AnyOf() | Kind.OneOfNotValid():
            yield from _forms(path, kind.context, schema, values, who)
        case Kind.PropertyNames():
            key_violation = next(_describe(kind.error, schema, values, who), None)
            yield SchemaViolation(
                path, f"has a key that is not allowed: it {key_violation.message if key_violation else 'is invalid'}"
            )
        case _:
            yield SchemaViolation(path, _message(kind))


def _unknown(path: KeyPath, keys: Iterable[str], known: Iterable[str], who: str) -> Iterator[SchemaViolation]:
    names = sorted(known)
    for key in keys:
        nearest_key = nearest(key, names)
        yield SchemaViolation(
            (*path, key), f"is not a key that {who} knows", did_you_mean(key, names), at_key=True, intended_key=nearest_key
        )


def _message(kind: Any) -> str:
    match kind:
        case Kind.Type():
            return _types(kind.types)
        case Kind.Format():
            return f"must be {_FORMATS.get(kind.format, f'of the format {kind.format}')}"
        case Kind.OneOfMultipleValid():
            return "matches more than one of the forms of which it must match exactly one"
    if kind.name in _LIMITS:
        return _LIMITS[kind.name].format(_shown(kind.value))
    return _OTHERS.get(kind.name, "does not match its schema")


def _types(types: Iterable[str]) -> str:
    names = dict.fromkeys(sorted(types, key=lambda t: t == "null"))  # null is the least likely to be meant, so it comes last
    return f"must be {' or '.join(_TYPES.get(t, t) for t in names)}"


def _forms(
    path: KeyPath, context: list[list[ValidationError]], schema: Mapping[str, Any], values: Any, who: str
) -> Iterator[SchemaViolation]:
    """Describes why values match none of several forms: by the errors of the only form that can be meant, else in a sentence."""
    all_errors = [error for errors in context for error in errors]
    if all_errors and all(
        isinstance(error.kind, Kind.Constant | Kind.Enum) and _key_path(error.instance_path, values) == path
        for error in all_errors
    ):
        options = [
            option
            for error in all_errors
            for option in (error.kind.options if isinstance(error.kind, Kind.Enum) else [error.kind.value])
        ]
        yield _one_of(path, options, value_at(values, path))
        return
    candidates = [errors for errors in context if not any(_rules_out(error, path, values) for error in errors)]
    if len(candidates) == 1:
        for error in candidates[0]:
            yield from _describe(error, schema, values, who)
    elif not candidates and all(len(errors) == 1 and isinstance(errors[0].kind, Kind.Type) for errors in context):
        yield SchemaViolation(path, _types(name for error in all_errors for name in error.kind.value))
    elif not candidates and (discriminators := list(dict.fromkeys(_discriminators(all_errors, path, values)))):
        for place in dict.fromkeys(place for place, _ in discriminators):
            yield _one_of(
                place,
                [json.loads(option) for option_place, option in discriminators if option_place == place],
                value_at(values, place),
            )
    else:
        yield SchemaViolation(path, f"matches none of its {len(context)} possible forms")


def _rules_out(error: ValidationError, path: KeyPath, values: Any) -> bool:
    """Whether an error shows that another form is meant: a wrong type of the whole, or another value of the discriminator."""
    if isinstance(error.kind, Kind.Type):
        return _key_path(error.instance_path, values) == path
    return isinstance(error.kind, Kind.Constant | Kind.Enum)


def _discriminators(errors: Iterable[ValidationError], path: KeyPath, values: Any) -> Iterator[tuple[KeyPath, str]]:
    """The constants that distinguish the forms (one key below the whole), each with its path, as JSON."""
    for error in errors:
        place = _key_path(error.instance_path, values)
        if isinstance(error.kind, Kind.Constant | Kind.Enum) and len(place) == len(path) + 1:
            for option in error.kind.options if isinstance(error.kind, Kind.Enum) else [error.kind.value]:
                yield place, json.dumps(option)


def _one_of(path: KeyPath, options: list[Any], value: Any) -> SchemaViolation:
    shown = list(dict.fromkeys(_shown(option) for option in options))
    message = f"must be one of {join_first(shown, MAX_LISTED)}" if len(shown) > 1 else f"must be {', '.join(shown)}"
    suggestion = nearest(value, [option for option in options if isinstance(option, str)]) if isinstance(value, str) else ""
    return SchemaViolation(path, message, f"did you mean {suggestion}?" if suggestion else "")


def _shown(option: Any) -> str:
    """A value of the schema's own, which is public."""
    text = option if isinstance(option, str) and option.strip() else json.dumps(option, default=str)
    return text if len(text) <= MAX_SHOWN_WORD else text[: MAX_SHOWN_WORD - 3] + "..."


def _key_path(path: Iterable[str | int], values: Any) -> KeyPath:
    """The validator's path; it takes keys of digits alone for indexes."""
    key_path: KeyPath = ()
    for step in path:
        is_key = isinstance(values, dict)
        key_path = (*key_path, str(step) if is_key else step)
        values = values.get(str(step)) if is_key else values[step]
    return key_path


def _known(schema: Mapping[str, Any], path: list[str | int]) -> Iterable[str]:
    """The keys defined beside the rule that `path` leads to; the validator has resolved references in it."""
    part: Any = schema
    for step in path[:-1]:
        if isinstance(part, list):
            part = part[step] if isinstance(step, int) and step < len(part) else None
        else:
            part = part.get(str(step)) if isinstance(part, dict) else None
    properties = part.get("properties") if isinstance(part, dict) else None
    return properties if isinstance(properties, dict) else ()
