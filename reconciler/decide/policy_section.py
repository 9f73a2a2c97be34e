"""What EnvironmentPolicies say of a pull request, as a part of its comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.decide.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.decide.admission import Admission, RuleResult


def section(admission: Admission, *, planned: bool = True) -> Iterable[str]:
    """The lines, in Markdown: one for each rule, with who must still do what, or when it will hold.

    Without a plan nothing is said but that a policy is broken: what the pull request brings is not known.
    """
    if not admission.results or not (planned or admission.reason == "PolicyBroken"):
        return
    yield ""
    yield f"#### Policy: {admission_summary(admission)}"
    yield ""
    yield from (_line(one) for one in admission.results)


def admission_summary(admission: Admission) -> str:
    """What would happen, in a few words."""
    if admission.status == "True":
        return "merged now, it is applied at once"
    if admission.waits_only_for_windows:
        return "merged now, it waits for a change window"
    return "merged now, it is held"


def _line(one: RuleResult) -> str:
    mark = {"True": "✅", "False": "⏳", "Unknown": "❔"}[one.status]
    policy = f" ({escape(one.policy)})" if one.policy else ""
    return f"- {mark} **{escape(one.kind)}**{policy}: {escape(one.message)}"
