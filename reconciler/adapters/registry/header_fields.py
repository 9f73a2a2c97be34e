"""Parses the HTTP header fields of registries that are lists: `WWW-Authenticate` and `Link`.

Both allow several values in one field or in several, quoted and unquoted parameters in any order, and commas within quotes or
angle brackets (RFC 9110, 5.6 and 11.6.1; RFC 8288, 3). Beyond the grammar the list ends; it is no error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a run of characters
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_SCHEME: Final = re.compile(rf"[\s,]*({_TOKEN})(?=\s|,|$)(?!\s*=[^=])")
_TOKEN68: Final = re.compile(r"\s+([A-Za-z0-9._~+/-]+=*)\s*(?=,|$)")
_PARAMETER: Final = re.compile(rf"[\s,;]*({_TOKEN})\s*=\s*({_QUOTED}|[^\s,;\"]+)")
_LINK: Final = re.compile(r"[\s,]*<([^<>]*)>")
_LINK_PARAMETER: Final = re.compile(rf"\s*;\s*({_TOKEN})(?:\s*=\s*({_QUOTED}|[^\s,;\"]+))?")


@dataclass(frozen=True)
class Challenge:
    """One way in which a registry accepts credentials.

    Attributes:
        scheme: in lower case, such as `bearer`.
        parameters: by name in lower case.
    """

    scheme: str
    parameters: Mapping[str, str]


def challenges(field: str) -> tuple[Challenge, ...]:
    """Returns the challenges of `WWW-Authenticate`, in order; several fields are joined by commas before."""
    found: list[Challenge] = []
    position = 0
    while (scheme := _SCHEME.match(field, position)) is not None:
        position = scheme.end()
        parameters: dict[str, str] = {}
        if (credentials := _TOKEN68.match(field, position)) is not None:
            position = credentials.end()
        while (parameter := _PARAMETER.match(field, position)) is not None:
            parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2]))
            position = parameter.end()
        found.append(Challenge(scheme[1].lower(), parameters))
    return tuple(found)


def next_link(field: str) -> str | None:
    """Returns the target of the link whose relation types contain `next`, or None."""
    return next((target for target, relations in _links(field) if "next" in relations), None)


def _links(field: str) -> Iterator[tuple[str, list[str]]]:
    position = 0
    while (link := _LINK.match(field, position)) is not None:
        position = link.end()
        relations: list[str] | None = None
        while (parameter := _LINK_PARAMETER.match(field, position)) is not None:
            position = parameter.end()
            if parameter[1].lower() == "rel" and relations is None:  # only the first counts (RFC 8288, 3.3)
                relations = _unquoted(parameter[2] or "").lower().split()
        yield link[1], relations or []


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
