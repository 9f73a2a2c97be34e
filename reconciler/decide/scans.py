"""Vulnerability scans in cosign's predicate: when they ended, and the worst that they found.

Source: cosign's vulnerability attestation specification (`scanner.result` is the scanner's own report,
`metadata.scanFinishedOn` when it ended), Trivy's JSON report (`Results[].Vulnerabilities[].Severity`), Grype's
(`matches[].vulnerability.severity`).

A scan is believed only as far as it can be read: a report of an unknown kind, one that does not say what was looked at, or a
word for a severity that nobody knows, is never taken for "nothing was found".
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Final

from reconciler.model.trust import SEVERITIES, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_IDS: Final = 5
_TRIVY_SCHEMA: Final = 2
_PACKAGES: Final = ("os-pkgs", "lang-pkgs")  # the classes of Trivy's results that it looks up vulnerabilities for
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_TIME = re.compile(r"(2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
# What was not rated yet may be anything, so it counts as the worst.
_WORDS: Final[Mapping[str, Severity]] = {
    "unknown": "critical",
    "negligible": "negligible",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
}


class InvalidScanReport(ValueError):  # noqa: N818 - what it is says it all
    """A predicate that is no vulnerability scan, or one of an unknown kind; the text says what is missing."""


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Attributes:
        finished: when it ended, as its signer says.
        scanner: whose it is: `trivy` or `grype`.
        counts: how many vulnerabilities of each severity; not of those of which there is none.
        unrated: how many of the critical ones are only not rated yet.
        ids: some of the worst, in order.
    """

    finished: datetime
    scanner: str
    counts: Mapping[Severity, int]
    unrated: int
    ids: tuple[str, ...]

    @property
    def worst(self) -> Severity:
        """The worst that was found; `none` when nothing was."""
        return max(self.counts, key=SEVERITIES.index, default="none")


def read_scan(predicate: object) -> Scan:
    """Read a predicate of type `model.trust.VULNERABILITIES`.

    Raises:
        InvalidScanReport: it cannot be told when it ended or what it found.
    """
    table = _table(predicate, "the predicate")
    report = _table(_table(table.get("scanner"), "scanner").get("result"), "scanner.result")
    scanner, found = _findings(report)
    counted: Counter[Severity] = Counter()
    ids: dict[Severity, set[str]] = {}
    unrated = 0
    for name, word in found:
        said = word.lower() if isinstance(word, str) else ""
        if said not in _WORDS:
            # Only a word is shown: what else may stand there can be too deep or too long to be written out.
            shown = (
                f"its severity {word[:20]!r} is none that is known"
                if isinstance(word, str)
                else "a severity is missing or no word"
            )
            raise InvalidScanReport(shown)
        severity = _WORDS[said]
        counted[severity] += 1
        unrated += said == "unknown"
        if isinstance(name, str) and _ID.fullmatch(name):
            ids.setdefault(severity, set()).add(name)
    finished = _time(_table(table.get("metadata"), "metadata").get("scanFinishedOn"))
    worst: Severity = max(counted, key=SEVERITIES.index, default="none")
    return Scan(finished, scanner, dict(counted), unrated, tuple(nsmallest(MAX_IDS, ids.get(worst, ()))))


def newest(scans: Iterable[Scan]) -> Scan | None:
    """The scan that ended last; of several that ended together, the one that found the worst. None when there is none."""
    return max(scans, key=lambda scan: (scan.finished, SEVERITIES.index(scan.worst)), default=None)


def severity_violation(scan: Scan, most: Severity) -> str | None:
    """Why a scan found too much, in a sentence; None when its worst is at most `most`."""
    if SEVERITIES.index(scan.worst) <= SEVERITIES.index(most):
        return None
    unrated = f", {scan.unrated} of them not rated yet, which counts as critical" if scan.unrated else ""
    named = f" ({', '.join(scan.ids)}{', ...' if scan.counts[scan.worst] > len(scan.ids) else ''})" if scan.ids else ""
    accepted = "none is accepted" if most == "none" else f"at most {most} is accepted"
    when = scan.finished.date().isoformat()
    return f"the newest scan ({scan.scanner}, {when}) found {scan.counts[scan.worst]} {scan.worst}{named}{unrated}; {accepted}"


def _findings(report: Mapping[str, Any]) -> tuple[str, Iterator[tuple[object, object]]]:
    """The scanner, and each vulnerability's name and severity. What a scanner was told to ignore is not among them."""
    if ("matches" in report) == ("SchemaVersion" in report):
        raise InvalidScanReport("its report is neither Trivy's nor Grype's JSON")
    if "matches" in report:
        if _table(report.get("descriptor"), "descriptor").get("name") != "grype":
            raise InvalidScanReport("its report has matches, but its descriptor does not name grype")
        return "grype", _of_grype(_list(report["matches"], "matches"))
    if report["SchemaVersion"] != _TRIVY_SCHEMA:
        raise InvalidScanReport(f"its report is of another SchemaVersion of Trivy's than {_TRIVY_SCHEMA}")
    return "trivy", _of_trivy(_list(report.get("Results") or [], "Results"))


def _of_trivy(results: list[Any]) -> Iterator[tuple[object, object]]:
    tables = [_table(result, "a result") for result in results]
    # Trivy leaves Results out when it knew no package, and what looks for secrets or misconfigurations alone has other classes.
    if not any(table.get("Class") in _PACKAGES or table.get("Vulnerabilities") is not None for table in tables):
        raise InvalidScanReport("Trivy's report has no Results for packages, so it says nothing of vulnerabilities")
    for table in tables:
        found = table.get("Vulnerabilities")
        for one in _list(found, "Vulnerabilities") if found is not None else ():
            vulnerability = _table(one, "a vulnerability")
            yield vulnerability.get("VulnerabilityID"), vulnerability.get("Severity")


def _of_grype(matches: list[Any]) -> Iterator[tuple[object, object]]:
    for match in matches:
        vulnerability = _table(_table(match, "a match").get("vulnerability"), "a vulnerability")
        yield vulnerability.get("id"), vulnerability.get("severity")


def _table(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidScanReport(f"{what} is missing or no object")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidScanReport(f"{what} is missing or no list")
    return value


def _time(value: object) -> datetime:
    """A time as Go writes it (RFC 3339, down to nanoseconds, of which microseconds are kept)."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidScanReport("metadata.scanFinishedOn is missing or no time")
    day, fraction, zone = match.groups()
    try:
        return datetime.fromisoformat(f"{day}.{(fraction or '0')[:6]:0<6}{zone}")
    except ValueError:
        raise InvalidScanReport("metadata.scanFinishedOn is no time") from None
