"""Addresses that registries send: of their hosts, for messages and for rules, and never more of them than is safe."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from reconciler.model.errors import IntegrityError


def host_of(url: str) -> str:
    """The host and port of a URL, fit for a message: no user, no password, no control characters."""
    return re.sub(r"[^A-Za-z0-9.:\[\]-]", "?", urlsplit(url).netloc.rpartition("@")[2])[:255] or "nowhere"


def origin(url: str) -> str:
    """Scheme, host and port: what credentials are bound to."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def join(url: str, location: str, what: str) -> str:
    """Resolve a `Location`, `Link` or realm against the URL it came from.

    Raises:
        IntegrityError: it is no URL, holds what parsers of URLs read differently, or names a user: a registry could have us sign
            in anywhere with a name and a password that it chose.
    """
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError as error:
        raise IntegrityError(f"{what}: {host_of(url)} refers to something that is no address") from error
    if not re.fullmatch(r"[\x21-\x7e]*", location) or re.search(r"[@\\]", parts.netloc):
        raise IntegrityError(f"{what}: {host_of(url)} refers to something that is no plain address")
    return target
