"""Readiness over more than a million combinations of what a cluster can show, against an independently written oracle.

The combinations are three products that overlap: what is before the conditions (`gates`), the conditions (`conditions`), and
what was deployed (`deployments`). Each meets representatives of the other two, so that every row of the table decides while
every later row that could have decided applies as well. Sub-objects are shared, which keeps the run in seconds.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.readiness.assessment import ASSESSMENT_RULES, ExpectedRelease, assess
from reconciler.model.canonical import release_digest
from reconciler.model.observation import Failure, Observation
from tests.unit.domain.readiness.oracle import ROWS, Oracle, applicable, decide, expected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.domain.readiness.assessment import Verdict

Json = dict[str, Any]
ReadinessCase = tuple[ExpectedRelease, Observation]
Look = tuple[Failure | None, bool, float, str]  # failure, listed, age, the cluster that has the same object
ReleaseGate = tuple[Json, Json, int | None]  # metadata, spec, observedGeneration

NOW = 1_800_000_000.0
GENERATION = 3
VERSION = "1.3.0"
DIGEST = "sha256:" + "a" * 64
ENTRY_DIGEST = "sha256:" + "e" * 64
CONFIG = "sha256:" + "c" * 64
OTHER = "sha256:" + "0" * 64

SPEC: Json = {"interval": "5m", "values": {"a": 1}}  # as the resolved commit has it

# --- entries: was it there, is there time left, and is the lock ours --------------------------------------------------------

_ENTRY = ExpectedRelease(
    application="shop",
    release="shop",
    cluster="hz-fsn-rtz-prod-acme",
    namespace="flux-system",
    version=VERSION,
    digest=DIGEST,
    entry=ENTRY_DIGEST,
    release_digest=release_digest({"spec": SPEC}),
    stale_after=60.0,
    progress_deadline=900.0,
)
NO_DEADLINE = _ENTRY
IN_TIME = replace(_ENTRY, committed=NOW - 10)
AT_THE_DEADLINE = replace(_ENTRY, committed=NOW - 900)
LATE = replace(_ENTRY, committed=NOW - 901)
DEADLINES = (NO_DEADLINE, IN_TIME, AT_THE_DEADLINE, LATE)
DEADLINES_AND_PAST = tuple(replace(entry, was_there=was_there) for entry in DEADLINES for was_there in (False, True))
NOT_OURS = tuple(replace(entry, is_foreign=True) for entry in DEADLINES_AND_PAST[::3])
UNKNOWN_DIGEST = replace(IN_TIME, release_digest=None)  # the resolved commit has no file of it that can be read

# --- looks: could the cluster be looked at ----------------------------------------------------------------------------------

FAILURES = (
    None,
    Failure("KubeconfigMissing", "no context"),
    Failure("WatchFailed", "cannot connect"),
    Failure("AccessDenied", "403"),
    Failure("FluxMissing", "404"),
)
AGES = (0.0, 60.0, 60.001)  # fresh, exactly at the limit, stale
SHARED = ("", "hz-hel-rtz-prod-acme")
LOOKS: tuple[Look, ...] = tuple(itertools.product(FAILURES, (True, False), AGES, SHARED[:1]))
GOOD_LOOKS: tuple[Look, ...] = ((None, True, 0.0, ""), (None, True, 60.0, ""))
SHARED_LOOKS: tuple[Look, ...] = tuple(look[:3] + SHARED[1:] for look in LOOKS)

# --- metadata, spec and observedGeneration ----------------------------------------------------------------------------------

MANAGED = {"app.kubernetes.io/managed-by": "catalyst-reconciler", "openova.io/application": "shop"}
ANNOTATED = {"catalyst.openova.io/entry": ENTRY_DIGEST, "meta.helm.sh/release-name": "shop"}
OWNERSHIPS: tuple[tuple[Json | None, Json | None], ...] = (
    (MANAGED, ANNOTATED),
    (MANAGED, {"catalyst.openova.io/entry": OTHER}),  # ours, at another entry
    ({"app.kubernetes.io/managed-by": "Helm"}, ANNOTATED),
    ({"openova.io/application": "shop"}, {"catalyst.openova.io/entry": OTHER}),
    (MANAGED, {"meta.helm.sh/release-name": "shop"}),
    (None, ANNOTATED),
    (MANAGED, None),
)
DELETIONS = (None, "2026-01-02T03:04:05Z")
SPECS: tuple[Json, ...] = (
    SPEC,
    {**SPEC, "suspend": False},
    {**SPEC, "suspend": True},
    {**SPEC, "driftDetection": {"mode": "enabled", "ignore": [{"paths": [""]}]}},  # more
    {**SPEC, "values": {"a": 2}, "suspend": True},  # other
    {},  # less
)
OBSERVED_GENERATIONS = (None, GENERATION, GENERATION - 1, GENERATION + 1)


def _metadata(labels: Json | None, annotations: Json | None, deletion: str | None) -> Json:
    metadata: Json = {"name": "shop", "namespace": "flux-system", "uid": "u-1", "generation": GENERATION}
    for key, value in (("labels", labels), ("annotations", annotations), ("deletionTimestamp", deletion)):
        if value is not None:
            metadata[key] = value
    return metadata


GATES: tuple[ReleaseGate, ...] = tuple(
    (_metadata(labels, annotations, deletion), spec, observed)
    for (labels, annotations), deletion, spec, observed in itertools.product(OWNERSHIPS, DELETIONS, SPECS, OBSERVED_GENERATIONS)
)
METADATA = _metadata(MANAGED, ANNOTATED, None)

# --- conditions -------------------------------------------------------------------------------------------------------------


def _condition(kind: str, status: str | None, reason: str | None, observed: int | None = None) -> Json:
    condition: Json = {"type": kind, "message": f"about {kind}", "lastTransitionTime": "2026-01-02T03:04:05Z"}
    for key, value in (("status", status), ("reason", reason), ("observedGeneration", observed)):
        if value is not None:
            condition[key] = value
    return condition


READY_TRUE = _condition("Ready", "True", "UpgradeSucceeded", GENERATION)
READY_ANSWERS = (
    ("True", "UpgradeSucceeded"),
    ("False", "DependencyNotReady"),
    ("False", "InstallFailed"),
    ("False", "TestFailed"),
    ("Unknown", "Progressing"),
)
READIES: tuple[Json | None, ...] = (
    None,
    *(
        _condition("Ready", status, reason, observed)
        for (status, reason), observed in itertools.product(READY_ANSWERS, (None, GENERATION, GENERATION - 1))
    ),
)
FEW_READIES: tuple[Json | None, ...] = (
    None,
    *(_condition("Ready", status, reason, GENERATION) for status, reason in READY_ANSWERS),
    _condition("Ready", "True", "UpgradeSucceeded", GENERATION - 1),
    _condition("Ready", "Unknown", "Progressing", GENERATION + 1),
    _condition("Ready", "False", "UpgradeFailed"),
    _condition("Ready", "True", ""),
    _condition("Ready", "False", None),
    _condition("Ready", "Unknown", None),
)
STALLED = _condition("Stalled", "True", "RetriesExceeded", GENERATION)
RECONCILING = _condition("Reconciling", "True", "Progressing", GENERATION)
RELEASED = _condition("Released", "True", "UpgradeSucceeded", GENERATION)
NOT_RELEASED = _condition("Released", "False", "UpgradeFailed", GENERATION)
TESTS_FAILED = _condition("TestSuccess", "False", "TestFailed", GENERATION)
REMEDIATED = _condition("Remediated", "True", "RollbackSucceeded", GENERATION)
DRIFTED = _condition("Drifted", "True", "DriftDetected", GENERATION)

UNDECIDED = tuple(_condition(kind, "Unknown", "Unclear") for kind in ("Stalled", "Reconciling", "Released", "TestSuccess"))
STALLEDS = (None, STALLED, _condition("Stalled", "False", "Fine"), UNDECIDED[0])
RECONCILINGS = (None, RECONCILING, _condition("Reconciling", "False", "Done"), UNDECIDED[1])
RELEASEDS = (None, RELEASED, NOT_RELEASED, _condition("Released", "False", "Elsewise"), UNDECIDED[2])
TEST_SUCCESSES = (None, _condition("TestSuccess", "True", "TestSucceeded"), TESTS_FAILED, UNDECIDED[3])
REMEDIATEDS = (None, REMEDIATED, _condition("Remediated", "False", "NotNeeded"))
DRIFTEDS = (None, DRIFTED, _condition("Drifted", "False", "NoDrift"), _condition("Drifted", "Unknown", "NotLooked"))

# Each is added to a list of conditions, and makes it one that cannot be read.
MALFORMATIONS: tuple[tuple[Json, ...], ...] = (
    (READY_TRUE, READY_TRUE),
    (READY_TRUE, _condition("Ready", "False", "InstallFailed", GENERATION)),
    (STALLED, _condition("Stalled", "False", "Fine")),
    (_condition("Extra", "True", "Same"), _condition("Extra", "True", "Same")),
    (_condition("Extra", "true", "LowerCase"),),
    (_condition("Extra", "", "Empty"),),
    (_condition("Extra", None, "Missing"),),
    (_condition("Ready", "Maybe", "Odd", GENERATION),),
)


def _listed(*conditions: Json | None) -> list[Json]:
    return [condition for condition in conditions if condition is not None]


# --- what was deployed ------------------------------------------------------------------------------------------------------


def _snapshot(
    status: str = "deployed",
    digest: str | None = DIGEST,
    version: str | None = f"{VERSION}+aaaaaaaaaaaa",
    config: str | None = CONFIG,
) -> Json:
    snapshot: Json = {"name": "shop", "version": 4, "status": status}
    for key, value in (("ociDigest", digest), ("chartVersion", version), ("configDigest", config)):
        if value is not None:
            snapshot[key] = value
    return snapshot


SNAPSHOT = _snapshot()
ATTEMPTED: Json = {"lastAttemptedConfigDigest": CONFIG}
DEPLOYED: Json = {**ATTEMPTED, "history": [SNAPSHOT]}
# Parts of a status, each of which makes one or more of rows 23 to 26 apply.
DEPLOYMENTS: tuple[Json, ...] = (
    DEPLOYED,
    ATTEMPTED,
    {**ATTEMPTED, "history": []},
    {**ATTEMPTED, "history": [_snapshot("failed"), SNAPSHOT]},
    {**ATTEMPTED, "history": [_snapshot("superseded", digest=OTHER), SNAPSHOT]},
    {**ATTEMPTED, "history": [_snapshot(digest=OTHER), SNAPSHOT]},
    {**ATTEMPTED, "history": [_snapshot(version="1.2.9+aaaaaaaaaaaa")]},
    {"lastAttemptedConfigDigest": OTHER, "history": [SNAPSHOT]},
)
SNAPSHOT_STATUSES = ("deployed", "failed", "superseded", "pending-upgrade", "Deployed")
DIGESTS = (DIGEST, OTHER, None)
VERSIONS = (f"{VERSION}+aaaaaaaaaaaa", VERSION, f"1.3.1+{VERSION}", f"{VERSION}-rc.1", "1.3", None)
CONFIGS = ((CONFIG, CONFIG), (CONFIG, OTHER), (CONFIG, None), (None, CONFIG), (None, None))  # attempted, deployed
ALL_DEPLOYMENTS: tuple[Json, ...] = (
    tuple(
        {
            **({} if attempted is None else {"lastAttemptedConfigDigest": attempted}),
            "history": [_snapshot(status, digest, version, config), *older],
        }
        for status, digest, version, (attempted, config), older in itertools.product(
            SNAPSHOT_STATUSES, DIGESTS, VERSIONS, CONFIGS, ([], [SNAPSHOT])
        )
    )
    + DEPLOYMENTS
)

# --- the three products -----------------------------------------------------------------------------------------------------

# Statuses for each of which another row decides, from the malformed to the running.
TAILS: tuple[Json, ...] = (
    *({"conditions": _listed(READY_TRUE, RELEASED), **deployment} for deployment in DEPLOYMENTS),
    *(
        {"conditions": conditions, **DEPLOYED}
        for conditions in (
            _listed(*MALFORMATIONS[1]),
            _listed(STALLED, READY_TRUE),
            _listed(RECONCILING, READY_TRUE),
            _listed(NOT_RELEASED, READY_TRUE),
            *(_listed(ready, RELEASED) for ready in FEW_READIES),
            *(_listed(ready) for ready in READIES if ready and ready.get("observedGeneration") == GENERATION - 1),
        )
    ),
    {},
)


def gates() -> Iterator[ReadinessCase]:
    """What is before the conditions: failures, ages, absence, ownership, deletion, suspension, entry and generation."""
    good = [(METADATA, SPEC, GENERATION)]
    yield from _looked([None], (*LOOKS, *SHARED_LOOKS), (*DEADLINES_AND_PAST, *NOT_OURS))
    yield from _unreadable(LOOKS, (*DEADLINES_AND_PAST, *NOT_OURS))
    yield from _looked(_releases(GATES, TAILS[::7]), LOOKS, (IN_TIME, LATE))
    yield from _looked(_releases(GATES[::5], TAILS[::3]), SHARED_LOOKS, (IN_TIME, NOT_OURS[0]))
    yield from _looked(_releases(GATES, TAILS), GOOD_LOOKS[1:], (*DEADLINES_AND_PAST[::3], UNKNOWN_DIGEST))
    yield from _looked(_releases(good, TAILS), (*LOOKS, *SHARED_LOOKS), (*DEADLINES_AND_PAST, *NOT_OURS, UNKNOWN_DIGEST))


def conditions() -> Iterator[ReadinessCase]:
    """The conditions against each other, well-formed and malformed."""
    for combination in itertools.product(READIES, STALLEDS, RECONCILINGS, RELEASEDS, TEST_SUCCESSES, REMEDIATEDS, DRIFTEDS):
        listed = _listed(*combination)
        for deployment in DEPLOYMENTS:
            yield from _both(listed, deployment)
    few = itertools.product(
        MALFORMATIONS,
        FEW_READIES,
        (None, STALLED),
        (None, RECONCILING),
        (None, NOT_RELEASED),
        (None, TESTS_FAILED),
        (None, REMEDIATED),
        (None, DRIFTED),
    )
    for malformation, *others in few:
        listed = _listed(*others, *malformation)
        for deployment in DEPLOYMENTS[:4]:
            yield from _both(listed, deployment)
    # A condition that is Unknown, or of a type that the table does not name, decides nothing; one without a reason still does.
    bystanders = [*UNDECIDED, _condition("Extra", "False", "Foreign"), _condition("Extra", "True", "Foreign")]
    nameless = [
        _condition(kind, status, reason)
        for (kind, status), reason in itertools.product(
            (
                ("Stalled", "True"),
                ("Reconciling", "True"),
                ("Released", "False"),
                ("TestSuccess", "False"),
                ("Remediated", "True"),
                ("Drifted", "True"),
            ),
            (None, ""),
        )
    ]
    for ready, extra, deployment in itertools.product(READIES, [*bystanders, *nameless], DEPLOYMENTS):
        yield from _both(_listed(extra, ready), deployment)
        yield from _both(_listed(ready, extra), deployment)


def deployments() -> Iterator[ReadinessCase]:
    """What was deployed, under each kind of condition that comes before it."""
    before = (
        *(_listed(ready) for ready in FEW_READIES),
        *(_listed(READY_TRUE, other) for other in (RELEASED, STALLED, RECONCILING, NOT_RELEASED, TESTS_FAILED, REMEDIATED)),
        _listed(DRIFTED, READY_TRUE),
        _listed(_condition("Ready", "True", "UpgradeSucceeded")),
        _listed(_condition("Ready", "True", "UpgradeSucceeded", GENERATION + 1)),
        _listed(*MALFORMATIONS[0]),
    )
    for listed, deployment in itertools.product(before, ALL_DEPLOYMENTS):
        yield from _both(listed, deployment)
    for deployment in ALL_DEPLOYMENTS:
        release = _release(METADATA, SPEC, GENERATION, {"conditions": [READY_TRUE], **deployment})
        yield from _looked([release], GOOD_LOOKS, DEADLINES_AND_PAST)


_DIGESTS = {id(spec): release_digest({"spec": spec}) for spec in SPECS}  # in seconds: each is taken once, as by the projection


def _release(metadata: Json, spec: Json, observed: int | None, tail: Json) -> Json:
    status = tail if observed is None else {"observedGeneration": observed, **tail}
    return {"metadata": metadata, "spec": spec, "digest": _DIGESTS[id(spec)], "status": status}


def _releases(gates: Iterable[ReleaseGate], tails: Iterable[Json]) -> Iterator[Json]:
    for (metadata, spec, observed), tail in itertools.product(gates, tails):
        yield _release(metadata, spec, observed, tail)


def _looked(
    releases: Iterable[Json | None], looks: Iterable[Look], entries: Iterable[ExpectedRelease]
) -> Iterator[ReadinessCase]:
    for release, (failure, listed, age, shared) in itertools.product(releases, looks):
        observation = Observation(failure, listed, age, release, shared_with=shared)
        for entry in entries:
            yield entry, observation


def _unreadable(looks: Iterable[Look], entries: Iterable[ExpectedRelease]) -> Iterator[ReadinessCase]:
    for failure, listed, age, shared in looks:
        observation = Observation(failure, listed, age, None, "it is nested too deeply", shared)
        for entry in entries:
            yield entry, observation


def _both(listed: list[Json], deployment: Json) -> Iterator[ReadinessCase]:
    status = {"observedGeneration": GENERATION, "conditions": listed, **deployment}
    observation = Observation(
        None, True, 0.0, {"metadata": METADATA, "spec": SPEC, "digest": _DIGESTS[id(SPEC)], "status": status}
    )
    yield IN_TIME, observation
    yield LATE, observation


# --- what must hold whenever the answer is True, in no order and without the oracle ------------------------------------------


def lacking(entry: ExpectedRelease, observation: Observation) -> list[str]:
    """The facts that a True needs and that do not hold; whatever is not of the expected type does not hold."""
    release = _mapping(observation.release)
    metadata, status = _mapping(release.get("metadata")), _mapping(release.get("status"))
    labels, annotations = _mapping(metadata.get("labels")), _mapping(metadata.get("annotations"))
    found = status.get("conditions")
    listed = [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []
    ready = [c for c in listed if c.get("type") == "Ready"]
    answer = ready[0] if len(ready) == 1 else {}
    history = status.get("history")
    first = _mapping(history[0]) if isinstance(history, list) and history else {}
    version, generation, config = first.get("chartVersion"), metadata.get("generation"), first.get("configDigest")
    said = [(c.get("type"), c.get("status")) for c in listed]
    types = [c.get("type") for c in listed]
    facts = {
        "our lock": not entry.is_foreign,
        "no failure": observation.failure is None,
        "readable": not observation.unreadable,
        "not shared": not observation.shared_with,
        "listed": observation.listed,
        "not stale": observation.age <= entry.stale_after,
        "label": labels.get("app.kubernetes.io/managed-by") == "catalyst-reconciler",
        "entry": annotations.get("catalyst.openova.io/entry") == entry.entry,
        "not deleted": not metadata.get("deletionTimestamp"),
        "not suspended": not _mapping(release.get("spec")).get("suspend"),
        "as resolved": _is_resolved(_mapping(release.get("spec"))) and entry.release_digest is not None,
        "no keys of Flux's": not any("fluxcd.io/" in str(key) for key in (*labels, *annotations)),
        "generation": isinstance(generation, int),
        "reconciled": status.get("observedGeneration") == generation,
        "no type twice": all(types.count(kind) == 1 for kind in types),
        "no odd status": all(status in ("True", "False", "Unknown") for _, status in said),
        "one Ready": len(ready) == 1,
        "Ready=True": answer.get("status") == "True",
        "Ready at this generation": answer.get("observedGeneration") in (None, generation),
        "not stalled": ("Stalled", "True") not in said,
        "not reconciling": ("Reconciling", "True") not in said,
        "released": ("Released", "False") not in said,
        "tests": ("TestSuccess", "False") not in said,
        "not remediated": ("Remediated", "True") not in said,
        "no drift": ("Drifted", "True") not in said,
        "deployed": first.get("status") == "deployed",
        "artifact": first.get("ociDigest") == entry.digest,
        "version": isinstance(version, str) and version.split("+")[0] == entry.version,
        "config known": isinstance(config, str) and config != "",
        "config applied": status.get("lastAttemptedConfigDigest") == config,
    }
    return [name for name, holds in facts.items() if not holds]


def _is_resolved(spec: Json) -> bool:
    """Whether a spec has each part of the resolved one, and nothing else but a `suspend` that is off, or what is empty."""
    found = json.loads(json.dumps(spec, default=str))
    extra = {key: value for key, value in found.items() if key not in SPEC and value not in (None, [], {})}
    return extra in ({}, {"suspend": False}) and all(_is_same(found.get(key), part) for key, part in SPEC.items())


def _is_same(value: Any, part: Any) -> bool:
    """Whether two parts are the same JSON, to which 1.0 is 1 and true is neither."""
    if isinstance(part, dict):
        return isinstance(value, dict) and value.keys() == part.keys() and all(_is_same(value[key], part[key]) for key in part)
    return isinstance(value, bool) == isinstance(part, bool) and bool(value == part)


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


# --- comparing --------------------------------------------------------------------------------------------------------------


def _differs(entry: ExpectedRelease, observation: Observation) -> bool:
    return not _agrees(assess(entry, observation, NOW), expected(entry, observation, NOW))


def _agrees(verdict: Verdict, answer: tuple[str, str, str]) -> bool:
    ready, state, reason = answer
    return verdict.ready == ready and verdict.state == state and (not reason or verdict.reason == reason)


def _smaller(value: Any) -> Iterator[Any]:
    """Everything that is the value with one of its parts taken out, biggest parts first; a condition keeps its type."""
    if isinstance(value, dict):
        for key in value:
            if key != "type":
                yield {k: v for k, v in value.items() if k != key}
        for key, part in value.items():
            yield from ({**value, key: less} for less in _smaller(part))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield [*value[:i], *value[i + 1 :]]
            yield from ([*value[:i], less, *value[i + 1 :]] for less in _smaller(part))


def _minimal(observation: Observation, wrong: Callable[[Observation], bool]) -> Observation:
    """The observation without whatever of its release the disagreement does not need."""
    smaller = (replace(observation, release=less) for less in _smaller(observation.release))
    found = next((candidate for candidate in smaller if wrong(candidate)), None)
    return observation if found is None else _minimal(found, wrong)


def _report(entry: ExpectedRelease, observation: Observation) -> str:
    least = _minimal(observation, lambda candidate: _differs(entry, candidate))
    verdict = assess(entry, least, NOW)
    row, answer = decide(entry, least, NOW)
    return (
        f"row {row} ({ROWS[row - 1].observed}): the table says {answer}, "
        f"assess says {(verdict.ready, verdict.state, verdict.reason)}\n"
        f"  {entry}\n  {replace(least, release=None)}\n  {json.dumps(least.release)}"
    )


def every_combination() -> Iterator[ReadinessCase]:
    return itertools.chain(gates(), conditions(), deployments())


def test_no_combination_disagrees_with_the_table_and_none_is_falsely_ready() -> None:
    rows: Counter[int] = Counter()
    wrong: list[ReadinessCase] = []
    false_ready: list[tuple[ReadinessCase, list[str]]] = []
    true = 0
    oracle = Oracle()
    for entry, observation in every_combination():
        verdict = assess(entry, observation, NOW)
        row, answer = oracle.decide(entry, observation, NOW)
        rows[row] += 1
        if not _agrees(verdict, answer):
            wrong.append((entry, observation))
        if verdict.ready == "True":
            true += 1
            if missing := lacking(entry, observation):
                false_ready.append(((entry, observation), missing))
    assert not false_ready, f"{len(false_ready)} falsely ready, such as {false_ready[:3]}"
    assert not wrong, f"{len(wrong)} of {rows.total()} disagree:\n" + "\n".join(_report(*case) for case in wrong[:3])
    assert rows.total() >= 1_000_000
    assert set(rows) == set(ASSESSMENT_RULES) == {row.number for row in ROWS}
    assert true == rows[27] > 0


# Rows of which at most one applies to one observation, since they are answers to one question. A malformed status may hold two
# conditions of one type, but then row 14 has decided.
EXCLUSIVE = (
    {1, 2, 3, 4},  # one failure
    {7, 8},  # it was there, or it was not
    {7, 8, 29},  # what cannot be read is there
    {16, 17},  # a Ready that is not there is at no generation
    {16, 18, 19, 20, 21},  # one Ready
)
OF_THE_OBJECT = {*range(9, 27), 30, 31}


def test_every_row_decides_over_every_later_row_that_can_apply_with_it() -> None:
    possible = {
        (row, later)
        for row, later in itertools.combinations(dict.fromkeys(row.number for row in ROWS[:-1]), 2)
        if not any({row, later} <= group for group in EXCLUSIVE)
        and not (row in {7, 8, 29} and later in OF_THE_OBJECT)  # an absent object, and one that cannot be read, shows nothing
    }
    seen: set[tuple[int, int]] = set()
    rest = itertools.chain(conditions(), deployments())
    for entry, observation in itertools.chain(gates(), itertools.islice(rest, 0, None, 61)):  # 61 falls in step with no product
        first, *later = applicable(entry, observation)
        seen.update((first, other) for other in later)
    assert possible - seen == set()


def test_a_stall_of_another_generation_is_judged_as_the_table_says() -> None:
    count = 0
    for entry, observation in itertools.islice(conditions(), 0, None, 7):
        release = observation.release
        assert release is not None
        found = release["status"].get("conditions") or []
        stale = [{**c, "observedGeneration": GENERATION - 1} if c.get("type") == "Stalled" else c for c in found]
        if stale != found:
            count += 1
            old = replace(observation, release={**release, "status": {**release["status"], "conditions": stale}})
            verdict = assess(entry, old, NOW)
            ready, state, reason = expected(entry, old, NOW)
            assert (verdict.ready, verdict.state) == (ready, state), old
            assert reason in {"", verdict.reason}, old
    assert count > 10_000


# --- garbage ----------------------------------------------------------------------------------------------------------------

GOOD_STATUS: Json = {
    "observedGeneration": GENERATION,
    "conditions": [READY_TRUE, RELEASED, _condition("TestSuccess", "True", "TestSucceeded")],
    **DEPLOYED,
}


def _as_sent(metadata: Json, tail: Json) -> Json:
    """A release as the API server sends it, of which no digest was taken."""
    return {key: value for key, value in _release(metadata, SPEC, GENERATION, tail).items() if key != "digest"}


GOOD_RELEASE = _as_sent({**METADATA, "deletionTimestamp": None}, GOOD_STATUS)
GOOD_OBSERVATION = Observation(None, True, 0.0, GOOD_RELEASE)
RELEASES = (GOOD_RELEASE, *(_as_sent(METADATA, tail) for tail in TAILS))  # for each row from 14 on, one

# Words that mean something in the place of others, or almost.
WORDS = st.sampled_from(
    (
        *("", "True", "False", "Unknown", "true", "Ready", "Stalled", "Reconciling", "Released", "Drifted", "deployed", "failed"),
        *("InstallFailed", "DependencyNotReady", "+", VERSION, f"{VERSION}+", DIGEST, ENTRY_DIGEST, CONFIG, OTHER, "3", "type"),
    )
)
KEYS = st.sampled_from(["type", "status", "reason", "message", "observedGeneration", "history", "conditions", "0", "labels"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(GENERATION) | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
# Pairs of places that are compared with each other, and so must not be believed for being equal alone.
TWINS = (
    (("metadata", "generation"), ("status", "observedGeneration")),
    (("status", "lastAttemptedConfigDigest"), ("status", "history", 0, "configDigest")),
    (("metadata", "generation"), ("status", "conditions", 0, "observedGeneration")),
)
Path = tuple[str | int, ...]


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places in a decoded document, outermost first, without the document itself."""
    parts: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for key, part in parts:
        yield (*path, key)
        yield from _places(part, (*path, key))


def _put(document: Any, path: Path, value: Any) -> None:
    """Put a value in a place of the document, if the place is still there."""
    for key in path[:-1]:
        if not _has(document, key):
            return
        document = document[key]
    if _has(document, path[-1]):
        document[path[-1]] = value


def _has(document: Any, key: str | int) -> bool:
    if isinstance(document, dict):
        return key in document
    return isinstance(document, list) and isinstance(key, int) and key < len(document)


def _take(document: Any, path: Path) -> None:
    """Take a place out of the document."""
    for key in path[:-1]:
        document = document[key]
    del document[path[-1]]


@st.composite
def spoilt_releases(draw: st.DrawFn) -> Json:
    """A release with garbage in some of its places, or without them, or with one piece of it in two places."""
    release = copy.deepcopy(draw(st.just(GOOD_RELEASE) | st.sampled_from(RELEASES)))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(release))
        if not places:
            break
        how = draw(st.sampled_from(["garbage", "garbage", "absent", "twins", "added"]))
        if how == "twins":
            value = draw(JSON)
            for path in draw(st.sampled_from(TWINS)):
                _put(release, path, value)
        elif how == "added":
            listed = release["status"].get("conditions") if isinstance(release.get("status"), dict) else None
            if isinstance(listed, list):
                listed.insert(draw(st.integers(0, len(listed))), draw(JSON))
        elif how == "absent":
            _take(release, draw(st.sampled_from(places)))
        else:
            _put(release, draw(st.sampled_from(places)), draw(JSON))
    return release


def test_the_first_release_to_be_spoilt_is_ready() -> None:
    assert assess(IN_TIME, GOOD_OBSERVATION, NOW).ready == "True"
    assert lacking(IN_TIME, GOOD_OBSERVATION) == []


@settings(max_examples=1000, deadline=None)
@given(spoilt_releases(), st.sampled_from(DEADLINES_AND_PAST))
def test_garbage_in_some_places_never_raises_and_never_makes_ready(release: Json, entry: ExpectedRelease) -> None:
    _holds(entry, Observation(None, True, 0.0, release))


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]) | st.text(max_size=5), JSON, max_size=4))
def test_nothing_but_garbage_never_raises_and_never_makes_ready(release: Json) -> None:
    _holds(IN_TIME, Observation(None, True, 0.0, release))


GARBAGE: tuple[Any, ...] = (None, True, False, 0, 3, -1, 3.5, math.nan, math.inf, "", "x", "True", [], {}, [[]], [{}], {"a": []})


@pytest.mark.parametrize("whole", RELEASES, ids=map(str, range(len(RELEASES))))
def test_each_kind_of_garbage_in_each_place_never_raises_and_never_makes_ready(whole: Json) -> None:
    for path, value in itertools.product(_places(whole), GARBAGE):
        release = copy.deepcopy(whole)
        _put(release, path, value)
        _holds(IN_TIME, Observation(None, True, 0.0, release), f"{value!r} at {'.'.join(map(str, path))}")


def _holds(entry: ExpectedRelease, observation: Observation, about: str = "") -> None:
    verdict = assess(entry, observation, NOW)
    assert verdict.ready in ("True", "False"), about
    if verdict.ready == "True":
        assert lacking(entry, observation) == [], about
