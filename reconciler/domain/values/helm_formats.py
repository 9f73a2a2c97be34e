"""The formats of JSON Schema as Helm asserts them, which it does for drafts 4, 6 and 7 only.

Helm 4.2 validates with github.com/santhosh-tekuri/jsonschema v6.0.2. What is hard to decide as it does (the syntax of
addresses) is accepted here: Helm's own refusal is observed, and a false one of ours would keep out what runs.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_HOST: Final = 253
_MAX_EMAIL: Final = 254
_MAX_LOCAL: Final = 64
_LAST_MINUTE: Final = 23 * 60 + 59
_DAY: Final = 24 * 60
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LOCAL: Final = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9.!#$%&'*+\-/=?^_`{|}~]*(?<!\.)")
_DURATION: Final = re.compile(
    r"P(?:[0-9]+W|(?=[0-9T])(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+S)?)?)"
)
_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[zZ]|([+-])([0-9]{2}):([0-9]{2}))")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_RELATIVE_POINTER: Final = re.compile(rf"(?:0|[1-9][0-9]*)(?:#|{_POINTER.pattern})")
_SEMVER: Final = re.compile(
    r"(?:(?:0|[1-9][0-9]*)\.){2}(?:0|[1-9][0-9]*)"
    r"(?:-(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9a-fA-F]{2})")
_HOST: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#]*@)?([^/?#]*)")
_HOST_AND_PORT: Final = re.compile(r"(?:\[[^ \]]*\]|[^\x00-\x20:@\\^`{|}\[\]]*)(?::[0-9]*)?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _hostname(text: str) -> bool:
    name = text.removesuffix(".")
    return len(name) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in name.split("."))


def _ipv4(text: str) -> bool:
    try:
        return bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False


def _ipv6(text: str) -> bool:
    try:
        return "%" not in text and ipaddress.IPv6Address(text) is not None
    except ValueError:
        return False


def _email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    if not at or len(text.encode()) > _MAX_EMAIL or len(local.encode()) > _MAX_LOCAL:
        return False
    if len(local) > 1 and local.startswith('"'):
        if re.search(r'[\\"]', local[1:-1]):
            return False
    elif not _LOCAL.fullmatch(local):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        address = domain[1:-1]
        return _ipv6(address.removeprefix("IPv6:")) if address.startswith("IPv6:") else _ipv4(address)
    return _hostname(domain)


def _date(text: str) -> bool:
    try:
        return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None and bool(
            text.startswith("0000-") or dt.date.fromisoformat(text)
        )
    except ValueError:
        return False


def _time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    hour, minute, second = (int(part) for part in match.group(1, 2, 3))
    zone_hour, zone_minute = int(match[5] or 0), int(match[6] or 0)
    if hour > 23 or minute > 59 or second > 60 or zone_hour > 23 or zone_minute > 59:  # noqa: PLR2004 - a clock's
        return False
    offset = zone_hour * 60 + zone_minute
    moment = hour * 60 + minute + (offset if match[4] == "-" else -offset)
    return second < 60 or (moment + _DAY if moment < 0 else moment) == _LAST_MINUTE  # noqa: PLR2004 - a leap second's minute


def _date_time(text: str) -> bool:
    return text[10:11] in {"t", "T"} and _date(text[:10]) and _time(text[11:])


def _duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


def _period(text: str) -> bool:
    start, slash, end = text.partition("/")
    if not slash:
        return False
    if start.startswith("P"):
        return _duration(start) and _date_time(end)
    return _date_time(start) and (_duration(end) if end.startswith("P") else _date_time(end))


def _uri(text: str) -> bool:
    return _SCHEME.match(text) is not None and _uri_reference(text, backslash=True)


def _uri_reference(text: str, *, backslash: bool = False) -> bool:
    host = _HOST.match(text)
    return (
        _CONTROL.search(text.partition("?")[0]) is None
        and (backslash or "\\" not in text)
        and (host is None or _HOST_AND_PORT.fullmatch(host[1]) is not None)
    )


def _any(_text: str) -> bool:
    return True


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


HELM_FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "date": _date, "date-time": _date_time, "duration": _duration, "email": _email, "hostname": _hostname, "ipv4": _ipv4,
    "ipv6": _ipv6, "iri": _uri, "iri-reference": _uri_reference, "json-pointer": _matches(_POINTER), "period": _period,
    "relative-json-pointer": _matches(_RELATIVE_POINTER), "semver": _matches(_SEMVER), "time": _time, "uri": _uri,
    "uri-reference": _uri_reference, "uri-template": _any, "uuid": _matches(_UUID),
    "idn-email": _any, "idn-hostname": _any,  # which Helm does not know, and the library does
}  # fmt: skip
