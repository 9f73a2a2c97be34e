"""What the Flux objects behind a HelmRelease say, in words. They explain a verdict; they never grant one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.readiness.assessment import MAX_MESSAGE, bounded
from reconciler.domain.readiness.helm_release import mapping, text_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.readiness.assessment import Verdict

MAX_WORDS: Final = 300
_SHOWN: Final = frozenset({"Ready", "Stalled", "SourceVerified"})


def format_condition(condition: Mapping[str, Any]) -> str:
    """A condition as `Type=Status Reason: message`."""
    kind, status, reason, message = (text_field(condition, key) for key in ("type", "status", "reason", "message"))
    return bounded(f"{kind}={status} {reason}: {message}", MAX_WORDS)


def summarize(source: Mapping[str, Any] | None) -> str:
    """What one object says: where it stands, and its conditions."""
    if source is None:
        return "is not there"
    status = mapping(source.get("status"))
    revision = (
        text_field(mapping(status.get("artifact")), "revision") or text_field(status, "lastAppliedRevision") or "nothing yet"
    )
    conditions = [format_condition(c) for c in _conditions(source) if c.get("type") in _SHOWN]
    return bounded(f"at {revision}; {'; '.join(conditions) or 'says nothing'}", MAX_WORDS)


def failing_conditions(sources: Mapping[str, Mapping[str, Any] | None]) -> str:
    """What is wrong with them, in their own words; empty when nothing is, or nothing is said."""
    found = []
    for name, source in sources.items():
        if source is None:
            found.append(f"{name} is not there")
            continue
        found += [
            f"{name} {format_condition(c)}" for c in _conditions(source) if (c.get("type"), c.get("status")) == ("Ready", "False")
        ]
    return "; ".join(found)


def with_flux_message(verdict: Verdict, words: str) -> Verdict:
    """The same verdict with Flux's words in its message."""
    return replace(verdict, message=bounded(f"{verdict.message}. Flux: {words}", MAX_MESSAGE)) if words else verdict


def _conditions(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = mapping(source.get("status")).get("conditions")
    return [c for c in given if isinstance(c, dict)] if isinstance(given, list) else []
