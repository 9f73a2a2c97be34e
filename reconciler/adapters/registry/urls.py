"""Parses and joins the addresses that registries send, and reduces them to the parts that are safe to use and to show."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from reconciler.model.errors import IntegrityError


def host_of(url: str) -> str:
    """Returns the host and port of a URL, fit for a message: no user, no password, no control characters."""
    return re.sub(r"[^A-Za-z0-9.:\[\]-]", "?", urlsplit(url).netloc.rpartition("@")[2])[:255] or "nowhere"


def origin(url: str) -> str:
    """Returns the scheme, host and port of a URL, to which credentials are bound."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def own_address(url: str, location: str, what: str) -> str | None:
    """Resolves an address that must be on the host of `url`; returns None when it is on another.

    A registry behind a proxy that ends TLS often writes its own address with `http`, or with the port 443: the request then goes
    to the origin of `url` all the same.

    Raises:
        IntegrityError: as `join`.
    """
    target = join(url, location, what)
    host, own_host = (re.sub(":443$", "", urlsplit(address).netloc.lower()) for address in (target, url))
    if origin(target) == origin(url):
        return target
    if host != own_host or urlsplit(url).scheme != "https":
        return None
    return urlsplit(target)._replace(scheme="https", netloc=urlsplit(url).netloc).geturl()


def join(url: str, location: str, what: str) -> str:
    """Resolves a `Location`, `Link` or realm against the URL it came from.

    Raises:
        IntegrityError: it is not a valid URL, contains characters that parsers of URLs interpret differently, or names a user: a
            registry could otherwise make the reconciler sign in anywhere with a name and a password of its choice.
    """
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        parts.port  # noqa: B018 - raises when it is not a number
    except ValueError as error:
        raise IntegrityError(f"{what}: {host_of(url)} refers to an invalid address") from error
    if not re.fullmatch(r"[\x21-\x7e]*", location) or re.search(r"[@\\]", parts.netloc):
        raise IntegrityError(f"{what}: {host_of(url)} refers to an address with a user or unusual characters")
    return target
