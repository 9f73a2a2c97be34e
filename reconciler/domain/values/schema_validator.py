"""Builds and runs validators of JSON Schema, for the Blueprint's own schema and for a chart's as Helm reads it.

jsonschema-rs validates: its patterns run in linear time, and no reference is fetched. It is native code that panics on some
schemas (an anchor in a resource of the same name twice), with an exception that `except Exception` does not catch: a panic is
contained here and becomes a reason like any other.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from reconciler.domain.values.helm_formats import HELM_FORMATS
from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema_rs import ValidationError

_PANIC: Final = "the validator cannot process it"
# The values of `$schema` by which Helm knows a draft, and whether the draft asserts formats.
_DRAFT: Final = re.compile(r"https?://json-schema\.org/(?:draft(?:/(2020-12|2019-09)|-(07|06|04))/)?schema#?")
_NEVER_IN_GO: Final = re.compile(r"\(\?<?[=!]|\\[1-9]")  # what no regular expression of Go has
_ONLY_IN_GO: Final = re.compile(r"\\[QC]")
_MISSING: Final = re.compile(r"(?:Pointer|Anchor) .* does not exist")


class SchemaUnusableError(IntegrityError):
    """A schema that cannot be used.

    Attributes:
        certain: whether Helm cannot use it either.
    """

    def __init__(self, message: str, *, certain: bool = False) -> None:
        super().__init__(message)
        self.certain = certain


class Validator:
    """A validator of one schema."""

    def __init__(self, schema: Mapping[str, Any], *, as_helm: bool = False, mask: str | None = "the value") -> None:
        """Compiles a schema; draft 2020-12 when it names none, as for Helm.

        Args:
            schema: a whole schema; it fetches nothing.
            as_helm: whether formats are those of Helm, asserted for the drafts for which Helm asserts them, and contents never.
            mask: what the library's own messages show in the place of a value; None shows it.

        Raises:
            SchemaUnusableError: it cannot be used; the message is a few words and quotes the schema.
        """
        document = dict(schema)
        options: dict[str, Any] = {"validate_formats": True}
        if as_helm:
            options = _helm_options(document)
        try:
            with _contained():
                self._validator = jsonschema_rs.validator_cls_for(document)(
                    document, retriever=_refuse_reference, pattern_options=jsonschema_rs.RegexOptions(), mask=mask, **options
                )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SchemaUnusableError(_reason(error), certain=_is_certain(error)) from None

    def errors(self, values: Any, limit: int) -> list[ValidationError]:
        """Returns the first errors of values.

        Raises:
            SchemaUnusableError: the validator cannot process them.
        """
        with _contained():
            return list(islice(self._validator.iter_errors(values), limit))

    def is_valid(self, values: Any) -> bool:
        """Whether values satisfy the schema; those that the validator cannot process do not."""
        try:
            with _contained():
                return bool(self._validator.is_valid(values))
        except SchemaUnusableError:
            return False


class _NotAsserted:
    """In the place of a keyword that Helm does not assert."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def validate(self, _value: object) -> None:
        """Accepts any value."""


def _helm_options(document: dict[str, Any]) -> dict[str, Any]:
    name = document.get("$schema")
    draft = _DRAFT.fullmatch(name) if isinstance(name, str) else None
    if isinstance(name, str) and draft is None:
        raise SchemaUnusableError("its $schema is none that is known")
    asserts_formats = draft is not None and draft[2] is not None
    return {
        "validate_formats": asserts_formats,
        "formats": HELM_FORMATS if asserts_formats else {},
        "keywords": {"contentEncoding": _NotAsserted, "contentMediaType": _NotAsserted},
    }


@contextmanager
def _contained() -> Iterator[None]:
    """Turns a panic of the native code into SchemaUnusableError; its class cannot be imported, and is known by its name."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise SchemaUnusableError(_PANIC) from None


def _refuse_reference(uri: str) -> Any:
    raise ValueError(f"the reference {uri} leads outside the schema and is not fetched")


def _reason(error: Exception) -> str:
    path = error.instance_path if isinstance(error, jsonschema_rs.ValidationError) else []
    place = f"{'.'.join(map(str, path))}: " if path else ""
    return f"{place}{str(error).splitlines()[0]}"[:200]


def _is_certain(error: Exception) -> bool:
    """Whether Helm refuses the schema for the same reason: it is held against the same schema of schemas."""
    if not isinstance(error, jsonschema_rs.ValidationError):
        return False
    match error.kind:
        case Kind.Referencing():
            return _MISSING.search(str(error)) is not None
        case Kind.Format():
            return error.kind.format == "regex" and isinstance(error.instance, str) and not _may_be_in_go(error.instance)
        case _:
            return True


def _may_be_in_go(pattern: str) -> bool:
    """Whether Go might compile a pattern that the library cannot."""
    if _NEVER_IN_GO.search(pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return _ONLY_IN_GO.search(pattern) is not None
    return True
