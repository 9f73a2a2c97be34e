"""What a merged pull request is told: whether what was planned is what is applied, and why where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.domain.review.plan_comment import problem_list
from reconciler.domain.text.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.domain.blocker import Blocker
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.problem import Problem

# The paragraph between these is ours to replace; the plan below it stays as it was reviewed.
_BEGIN: Final = "<!-- catalyst: merged -->"
_END: Final = "<!-- catalyst: plan as it was -->"
MAX_DIFFERENCES: Final = 50


def not_applied(blocker: Blocker) -> Sequence[str]:
    """The paragraph for one that is merged, and of which nothing is applied: lines of Markdown."""
    match blocker:
        case Refused():
            head = "**Merged, and refused**: nothing of it is applied, and what runs is not touched."
            return (head, "", *problem_list(blocker.problems))
        case Held() | Unavailable():
            why = f"{escape(blocker.reason)}: {escape(blocker.message)}"
            return (f"**Merged, and not applied yet**: {why}. The plan is kept for it.",)
        case _:
            assert_never(blocker)


def applied_report(
    planned: EnvironmentLock,
    tree: str,
    lock: EnvironmentLock,
    resolved: str,
    *,
    alone: bool,
    whole: bool = True,
    warnings: Sequence[Problem] = (),
) -> Sequence[str]:
    """The paragraph for one that is merged, and applied: lines of Markdown.

    Args:
        planned: the plan's lock.
        tree: the plan's tree id.
        lock: what is resolved.
        resolved: the tree id of that.
        alone: whether `main` holds what the plan was made of, and nothing beside it.
        whole: whether it holds all that the pull request changes.
        warnings: what is to be known of what was resolved, such as versions that were passed over.
    """
    if tree == resolved:
        return (f"**Merged, and applied as planned**: `resolved` has the tree `{resolved}`.",)
    differences = diff_locks(planned, lock)
    told = [_difference(step) for step in differences]
    if not told:
        told = ["- every Application is what was planned; the evidence for them, or how they are rendered, is newer"]
    more = [f"- and {len(told) - MAX_DIFFERENCES} more"] if len(told) > MAX_DIFFERENCES else []
    if alone or not whole or any(step.before for step in differences):
        why = "something it rests on changed in between" if alone else "`main` moved beside it"
        head = f"**Merged, and applied in another way than planned**: {why}, and `resolved` has the tree `{resolved}`."
    else:
        head = f"**Merged, and applied as planned**, beside what else came to `main`: `resolved` has the tree `{resolved}`."
    return (head, "", *told[:MAX_DIFFERENCES], *more, *problem_list(warnings))


def insert_report(comment: str, paragraph: Sequence[str]) -> str:
    """The comment of the plan with this paragraph under its heading, in the place of an earlier one."""
    lines = comment.splitlines()
    if _BEGIN in lines and _END in lines[lines.index(_BEGIN) :]:
        begin = lines.index(_BEGIN)
        del lines[begin : lines.index(_END, begin) + 1]
    return "\n".join([*lines[:3], _BEGIN, *paragraph, "", _END, *lines[3:]]) + "\n"


def _difference(step: ApplicationChange) -> str:
    name = escape(step.package.application)
    if step.before is None:
        return f"- {name} {escape(step.package.version)} was not in the plan"
    if step.after is None:
        return f"- {name} {escape(step.package.version)} was planned, and is not there"
    return f"- {name}: {escape(step.summary)}"
