"""Substitutes Flux's `${NAME}` placeholders, and reports values that mean something else to the reconciler than to Flux.

The syntax is that of github.com/fluxcd/pkg/envsubst: `${NAME}`, with a default (`:=`, `:-`, `=`) or with a function such as
`${NAME/./-}`; a dollar is escaped by another. A function is not computed here, but reported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.flux_import.manifests import warning
from reconciler.domain.validation.placeholders import escape_literals, is_placeholder
from reconciler.model.plain_data import map_texts, mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

_DOLLARS: Final = re.compile(r"\$+(?=\{)")
_EXPRESSION: Final = re.compile(r"\{(#?)([A-Za-z_][A-Za-z0-9_]*)")
_DEFAULT: Final = re.compile(r":[=-]|=")
_FUNCTIONS: Final = ":=,^/#%"  # the first characters after the name
_DISABLED: Final = re.compile(r"""kustomize\.toolkit\.fluxcd\.io/substitute["']?\s*:\s*["']?disabled\b""")
_SUBSTITUTE: Final = "kustomize.toolkit.fluxcd.io/substitute"
_MAX_LENGTH: Final = 1_000  # characters of one expression
# Flux reads YAML 1.1, where these words are booleans unless quoted.
_YAML11_BOOLEANS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


def substitute(text: str, given: Mapping[str, str]) -> str:
    """Substitutes the placeholders with given values in a file's text, before it is parsed, as Flux does."""
    substituted, position = "", 0
    for start, end, name, rest in _placeholders(text):
        if name in given and (not rest or _DEFAULT.match(rest)):
            substituted += text[position:start] + given[name]
            position = end
    return substituted + text[position:]


def is_substituted(text: str) -> bool:
    """Whether Flux substitutes the placeholders of a document: a label or an annotation can disable it."""
    return _DISABLED.search(text) is None


def as_config(source: Source, values: Any) -> Any:
    """Returns the values of a HelmRelease as a document must have them: what is literal to Flux is literal here."""
    return escape_literals(values) if _is_disabled(source) else map_texts(values, lambda text: _DOLLARS.sub(_escaped, text))


def ambiguous_values(source: Source, value: Any, path: KeyPath) -> Iterable[Problem]:
    """Yields a problem for each value in a part of a document that does not mean what it means to Flux."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _ambiguous_text(source, key, (*path, key), at_value=False)
            yield from ambiguous_values(source, part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from ambiguous_values(source, part, (*path, index))
    elif isinstance(value, str):
        yield from _ambiguous_text(source, value, path, at_value=True)


def placeholder_problems(source: Source, text: str, path: KeyPath, *, at_value: bool = True) -> Iterable[Problem]:
    """Yields a problem for each placeholder in a string."""
    for start, end, name, rest in _placeholders(text):
        message = f"{_name(path)} contains {text[start:end]}, which Flux substitutes and the reconciler does not"
        default = _DEFAULT.match(rest)
        if rest and not default:
            hint = "write what Flux makes of it: functions are not computed here"
        else:
            hint = f"give --set {name}={rest[default.end() :] if default and default.end() < len(rest) else 'VALUE'}"
        yield source.problem("UnresolvedPlaceholder", message, path, at_value=at_value, hint=hint)


def _ambiguous_text(source: Source, text: str, path: KeyPath, *, at_value: bool) -> Iterable[Problem]:
    if not _is_disabled(source):
        yield from placeholder_problems(source, text, path, at_value=at_value)
        if re.search(r"\$\$(?!\$*\{)", text):
            message = f"{_name(path)} contains $$, which is one $ to Flux where its Kustomization substitutes; here it stays"
            yield warning(source.problem("UnresolvedPlaceholder", message, path, at_value=at_value, hint="write what runs"))
    if text.lower() in _YAML11_BOOLEANS:
        message = f"{_name(path)} is {text}: to Flux a boolean unless it is quoted, here a string"
        yield warning(source.problem("Boolean", message, path, at_value=at_value, hint="write true or false, or quote it"))


def _placeholders(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yields each placeholder that is not escaped: its start, its end, its name, and what follows the name up to its brace.

    Of nested ones, as in a default, the outermost. What Flux could not read either, such as `${a.b}`, is none.
    """
    position = 0
    for dollars in _DOLLARS.finditer(text):
        opening = dollars.end()
        match = _EXPRESSION.match(text, opening)
        if match is None or opening < position or len(dollars[0]) % 2 == 0:
            continue
        end = _closing(text, opening)
        rest = match[1] + text[match.end() : end - 1] if end else "."
        if end and (not rest or rest[0] in _FUNCTIONS):
            position = end
            yield opening - 1, end, match[2], rest


def _closing(text: str, opening: int) -> int | None:
    """Returns the index after the brace that closes the one at `opening`; None when there is none near."""
    depth = 0
    for index in range(opening, min(len(text), opening + _MAX_LENGTH)):
        if text[index] == "{" and (index == opening or text[index - 1] == "$"):
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index + 1
    return None


def _escaped(dollars: re.Match[str]) -> str:
    """Returns the dollars before a brace as a document has them, whose escape is one more dollar and not one for each."""
    written, text, brace = dollars[0], dollars.string, dollars.end()
    if len(written) % 2 == 0:
        return "$" * (len(written) // 2 + is_placeholder(text, brace))
    return "$" if is_placeholder(text, brace) else written


def _is_disabled(source: Source) -> bool:
    metadata = mapping(mapping(source.data).get("metadata"))
    return any(mapping(metadata.get(field)).get(_SUBSTITUTE) == "disabled" for field in ("labels", "annotations"))


def _name(path: KeyPath) -> str:
    return ".".join(str(key) for key in path)
