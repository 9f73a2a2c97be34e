"""Vulnerability scans: what cannot be read is never taken for good."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.scans import MAX_IDS, InvalidScanReport, Scan, newest, read_scan, severity_violation

FINISHED = "2026-11-20T10:11:12.123456789Z"
NOTHING_LOOKED_UP = "no Results for packages, so it says nothing of vulnerabilities"


def predicate(result: object, finished: object = FINISHED) -> dict[str, Any]:
    return {
        "invocation": {"uri": "", "event_id": "", "builder.id": ""},
        "scanner": {"uri": "pkg:github/x/y@1.0.0", "version": "1.0.0", "db": {"uri": "", "version": ""}, "result": result},
        "metadata": {"scanStartedOn": "2026-11-20T10:11:00Z", "scanFinishedOn": finished},
    }


def trivy(*severities: str) -> dict[str, Any]:
    """As `trivy image --format cosign-vuln` has it: a target without findings has no list of them."""
    found = [{"VulnerabilityID": f"CVE-2026-{n}", "PkgName": "libx", "Severity": s} for n, s in enumerate(severities)]
    results: list[dict[str, Any]] = [{"Target": "x (wolfi)", "Class": "os-pkgs", "Type": "wolfi"}]
    results += [{"Target": "app", "Class": "lang-pkgs", "Vulnerabilities": found}] if found else []
    return {"SchemaVersion": 2, "ArtifactName": "x", "ArtifactType": "container_image", "Results": results}


def grype(*severities: str) -> dict[str, Any]:
    matches = [{"vulnerability": {"id": f"GHSA-{n}", "severity": s}, "artifact": {"name": "x"}} for n, s in enumerate(severities)]
    ignored = [{"vulnerability": {"id": "GHSA-ignored", "severity": "Critical"}}]
    return {"matches": matches, "ignoredMatches": ignored, "descriptor": {"name": "grype", "version": "0.90.0"}}


@pytest.mark.parametrize(
    ("report", "scanner", "worst", "counts", "ids"),
    [
        (trivy(), "trivy", "none", {}, ()),
        (trivy("LOW", "HIGH", "HIGH"), "trivy", "high", {"low": 1, "high": 2}, ("CVE-2026-1", "CVE-2026-2")),
        (grype(), "grype", "none", {}, ()),
        (grype("Negligible", "Medium"), "grype", "medium", {"negligible": 1, "medium": 1}, ("GHSA-1",)),
        (grype("Unknown", "Low"), "grype", "critical", {"critical": 1, "low": 1}, ("GHSA-0",)),
    ],
)
def test_what_a_scanner_reports(report: object, scanner: str, worst: str, counts: object, ids: object) -> None:
    scan = read_scan(predicate(report))
    assert (scan.scanner, scan.worst, scan.counts, scan.ids) == (scanner, worst, counts, ids)
    assert scan.finished.isoformat() == "2026-11-20T10:11:12.123456+00:00"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (None, "the predicate is missing"),
        ({"scanner": 1}, "scanner is missing or no object"),
        (predicate(None), "scanner.result is missing"),
        (predicate({"runs": []}), "neither Trivy's nor Grype's"),
        (predicate({"SchemaVersion": 2}), NOTHING_LOOKED_UP),
        (predicate({"SchemaVersion": 2, "Results": None}), NOTHING_LOOKED_UP),
        (predicate({"SchemaVersion": 2, "Results": []}), NOTHING_LOOKED_UP),
        (predicate({"SchemaVersion": 2, "Results": [{"Target": "x", "Class": "secret"}]}), NOTHING_LOOKED_UP),
        (predicate({"SchemaVersion": 2, "Results": [{"Target": "x", "Class": "config", "Type": "helm"}]}), NOTHING_LOOKED_UP),
        (predicate({"SchemaVersion": 2, "Results": [{"Target": "x", "Class": ["os-pkgs"]}]}), NOTHING_LOOKED_UP),
        (predicate({"SchemaVersion": 2, "Results": {"x": 1}}), "Results is missing or no list"),
        (predicate(trivy() | {"SchemaVersion": 3}), "another SchemaVersion of Trivy's than 2"),
        (predicate(trivy("CRITICAL") | {"matches": []}), "neither Trivy's nor Grype's"),
        (predicate({"matches": []}), "descriptor is missing"),
        (predicate({"matches": [], "descriptor": {"name": "other"}}), "does not name grype"),
        (predicate({"SchemaVersion": 2, "Results": [1]}), "a result is missing"),
        (predicate({"SchemaVersion": 2, "Results": [{"Vulnerabilities": {}}]}), "Vulnerabilities is missing or no list"),
        (predicate(grype() | {"matches": None}), "matches is missing"),
        (predicate(grype() | {"matches": [{}]}), "a vulnerability is missing"),
        (predicate(grype("Awful")), "its severity 'Awful' is none that is known"),
        (predicate(grype() | {"matches": [{"vulnerability": {"id": "x"}}]}), "a severity is missing or no word"),
        (predicate(grype(), finished=None), "metadata.scanFinishedOn is missing"),
        (predicate(grype(), finished="yesterday"), "metadata.scanFinishedOn is missing or no time"),
        (predicate(grype(), finished="2026-13-20T10:11:12Z"), "metadata.scanFinishedOn is no time"),
        (predicate(grype(), finished="2026-11-20T10:11:12"), "metadata.scanFinishedOn is missing or no time"),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_good(broken: object, message: str) -> None:
    with pytest.raises(InvalidScanReport, match=message):
        read_scan(broken)


def test_the_newest_is_the_one_that_ended_last_wherever_its_clock_stood() -> None:
    early = read_scan(predicate(trivy("LOW"), "2026-11-20T12:00:00+02:00"))
    late = read_scan(predicate(trivy("CRITICAL"), "2026-11-20T10:00:01Z"))
    assert newest([late, early]) is newest([early, late]) is late
    assert newest([]) is None
    good, bad = (read_scan(predicate(trivy(one))) for one in ("LOW", "HIGH"))
    assert newest([good, bad]) is newest([bad, good]) is bad, "of two that ended together the worse counts"


@pytest.mark.parametrize(
    ("severities", "most", "words"),
    [
        (("HIGH",), "high", None),
        ((), "none", None),
        (("LOW",), "none", "found 1 low (CVE-2026-0); none is accepted"),
        (("LOW", "CRITICAL", "CRITICAL"), "high", "found 2 critical (CVE-2026-1, CVE-2026-2); at most high is accepted"),
        (("CRITICAL",) * 9, "high", "found 9 critical (CVE-2026-0, CVE-2026-1, CVE-2026-2, CVE-2026-3, CVE-2026-4, ...)"),
        (("UNKNOWN",), "high", "found 1 critical (CVE-2026-0), 1 of them not rated yet, which counts as critical"),
    ],
)
def test_a_refusal_names_the_scan_and_the_worst(severities: tuple[str, ...], most: Any, words: str | None) -> None:
    told = severity_violation(read_scan(predicate(trivy(*severities))), most)
    assert told is None if words is None else told is not None
    assert (told or "").startswith(f"the newest scan (trivy, 2026-11-20) {words}" if words else "")


def test_names_are_bounded_and_harmless() -> None:
    found = [{"VulnerabilityID": name, "Severity": "HIGH"} for name in ("a" * 999, "x\n", "<b>", 7, None, "CVE-1", "CVE-1")]
    scan = read_scan(predicate({"SchemaVersion": 2, "Results": [{"Vulnerabilities": found}]}))
    assert (scan.counts, scan.ids) == ({"high": 7}, ("CVE-1",))
    many = read_scan(predicate(trivy(*["LOW"] * 100)))
    assert len(many.ids) == MAX_IDS


def test_what_is_too_deep_or_too_long_to_write_out_is_refused_like_the_rest() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for word in (deep, 10**5000, "x" * 10**6):
        with pytest.raises(InvalidScanReport, match="severity") as caught:
            read_scan(predicate({"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{"Severity": word}]}]}))
        assert len(str(caught.value)) < 100


WORDS = st.sampled_from(
    ["scanner", "result", "metadata", "scanFinishedOn", "matches", "Results", "SchemaVersion", "severity", FINISHED]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(ANYTHING, ANYTHING)
def test_nothing_raises_but_what_is_ours(whole: Any, result: Any) -> None:
    for one in (
        whole,
        predicate(result),
        predicate(grype() | {"matches": result}),
        predicate({"SchemaVersion": 2, "Results": result}),
    ):
        with contextlib.suppress(InvalidScanReport):
            assert isinstance(read_scan(one), Scan)
