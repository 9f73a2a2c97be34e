"""Formats the conditions of the Flux objects behind a HelmRelease. They explain a verdict; they never decide one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.readiness.assessment import MAX_MESSAGE, bounded
from reconciler.domain.readiness.helm_release import text_field
from reconciler.model.plain_data import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.domain.readiness.assessment import Verdict

MAX_WORDS: Final = 300
_SHOWN_TYPES: Final = frozenset({"Ready", "Stalled", "SourceVerified"})


def format_condition(condition: Mapping[str, Any]) -> str:
    """Returns a condition as `Type=Status Reason: message`."""
    condition_type, status, reason, message = (text_field(condition, key) for key in ("type", "status", "reason", "message"))
    return bounded(f"{condition_type}={status} {reason}: {message}", MAX_WORDS)


def summarize(source: Mapping[str, Any] | None) -> str:
    """Summarizes one object: its revision, and its conditions."""
    if source is None:
        return "does not exist"
    status = mapping(source.get("status"))
    revision = (
        text_field(mapping(status.get("artifact")), "revision") or text_field(status, "lastAppliedRevision") or "nothing yet"
    )
    conditions = [format_condition(c) for c in _conditions(source) if c.get("type") in _SHOWN_TYPES]
    return bounded(f"at {revision}; {'; '.join(conditions) or 'no conditions'}", MAX_WORDS)


def failing_conditions(sources: Mapping[str, Mapping[str, Any] | None]) -> str:
    """Returns the failing Ready conditions of the objects in one line; empty when there are none."""
    failures = []
    for name, source in sources.items():
        if source is None:
            failures.append(f"{name} does not exist")
            continue
        failures += [
            f"{name} {format_condition(c)}" for c in _conditions(source) if (c.get("type"), c.get("status")) == ("Ready", "False")
        ]
    return "; ".join(failures)


def with_flux_message(verdict: Verdict, flux_message: str) -> Verdict:
    """Returns the verdict with Flux's message appended to its own."""
    return replace(verdict, message=bounded(f"{verdict.message}. Flux: {flux_message}", MAX_MESSAGE)) if flux_message else verdict


def _conditions(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    conditions = mapping(source.get("status")).get("conditions")
    return [c for c in conditions if isinstance(c, dict)] if isinstance(conditions, list) else []
