"""Builds the report on a merged pull request: whether its plan was applied, and the differences where it was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.locking.lock_diff import diff_locks
from reconciler.domain.review.plan_comment import problem_list
from reconciler.domain.text.listing import and_more
from reconciler.domain.text.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.domain.blocker import Blocker
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.problem import Problem

# The lines between these are replaced by each report; the plan below them is left as it was reviewed.
_BEGIN: Final = "<!-- catalyst: merged -->"
_END: Final = "<!-- catalyst: plan as it was -->"
MAX_DIFFERENCES: Final = 50


def not_applied(blocker: Blocker) -> Sequence[str]:
    """Builds the paragraph for a merged pull request of which nothing is applied: lines of Markdown."""
    match blocker:
        case Refused():
            heading = "**Merged, and refused**: nothing of it is applied, and what runs is not touched."
            return (heading, "", *problem_list(blocker.problems))
        case Held() | Unavailable():
            cause = f"{escape(blocker.reason)}: {escape(blocker.message)}"
            return (f"**Merged, and not applied yet**: {cause}. The plan is kept for it.",)
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
    """Builds the paragraph for a merged pull request that is applied: lines of Markdown.

    Args:
        planned: the plan's lock.
        tree: the plan's tree id.
        lock: the resolved lock.
        resolved: the resolved tree id.
        alone: whether `main` holds exactly the files that the plan was made of.
        whole: whether `main` holds all changes of the pull request.
        warnings: warnings of the resolved commit, such as excluded versions.
    """
    if tree == resolved:
        return (f"**Merged, and applied as planned**: `resolved` has the tree `{resolved}`.",)
    differences = diff_locks(planned, lock)
    lines = [_difference(change) for change in differences]
    if not lines:
        lines = ["- every Application is as planned; the trust evidence or the rendering is newer"]
    more = and_more(len(lines), MAX_DIFFERENCES)
    if alone or not whole or any(change.before for change in differences):
        cause = "an input of the plan changed in between" if alone else "`main` changed beyond it"
        heading = f"**Merged, and applied differently than planned**: {cause}, and `resolved` has the tree `{resolved}`."
    else:
        heading = f"**Merged, and applied as planned**, beside other changes of `main`: `resolved` has the tree `{resolved}`."
    return (heading, "", *lines[:MAX_DIFFERENCES], *([f"- {more}"] if more else []), *problem_list(warnings))


def insert_report(comment: str, paragraph: Sequence[str]) -> str:
    """Inserts the report under the heading of the plan's comment, in place of an earlier report."""
    lines = comment.splitlines()
    if _BEGIN in lines and _END in lines[lines.index(_BEGIN) :]:
        start = lines.index(_BEGIN)
        del lines[start : lines.index(_END, start) + 1]
    return "\n".join([*lines[:3], _BEGIN, *paragraph, "", _END, *lines[3:]]) + "\n"


def _difference(change: ApplicationChange) -> str:
    name = escape(change.package.application)
    if change.before is None:
        return f"- {name} {escape(change.package.version)} was not in the plan"
    if change.after is None:
        return f"- {name} {escape(change.package.version)} was planned, and is not applied"
    return f"- {name}: {escape(change.summary)}"
