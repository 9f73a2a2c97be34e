"""Renders the comment of a pull request: what merging it would change, and the EnvironmentPolicies that apply to it.

Changes of running Applications come first. Of the pull request's own text only names and messages are copied, escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.admission.rules import admission_summary
from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.locking.change_summary import change_count
from reconciler.domain.text.listing import and_more, join_first
from reconciler.domain.text.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.admission.rules import Admission, RuleResult
    from reconciler.domain.blocker import Blocker
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.problem import Problem

# Identifies the comment, together with its author, since anybody can write the marker.
MARKER: Final = "<!-- catalyst: plan -->"

MAX_COMMENT_ROWS: Final = 200
MAX_COMMENT_PROBLEMS: Final = 50
MAX_CELL_NAMES: Final = 10  # in one cell of a table
_SHORT: Final = 12  # characters of a digest


def render_plan_comment(
    environment: str,
    changes: Sequence[ApplicationChange],
    total: int,
    tree: str | None,
    *,
    warnings: Sequence[Problem] = (),
    blocker: Blocker | None = None,
    compare: str = "",
    policy: Iterable[str] = (),
) -> str:
    """Renders the comment as Markdown.

    Args:
        environment: its name.
        changes: the Applications that change.
        total: the number of Applications after the merge.
        tree: the tree id that `resolved` would have; None with a blocker.
        warnings: problems that do not refuse the commit.
        blocker: why there is no plan.
        compare: path on the forge, below its address, of the page that compares all Flux objects.
        policy: lines on the EnvironmentPolicies (`section`).
    """
    lines = [MARKER, f"### Plan for {escape(environment)}", ""]
    if blocker is not None:
        lines += _blocked(blocker)
    elif changes:
        lines += [f"**{change_count(len(changes), total)}** once this is merged.", "", *_change_tables(changes)]
    else:
        lines += ["**Nothing changes** of what runs.", ""]
    if warnings:
        lines += ["", "Warnings:", "", *problem_list(warnings)]
    if tree is not None:
        difference = f"; [each Flux object that changes](/:root/{compare})" if compare and changes else ""
        lines += ["", f"`resolved` will have the tree `{tree}`{difference}."]
    lines += policy
    return "\n".join(lines) + "\n"


def _blocked(blocker: Blocker) -> Iterable[str]:
    match blocker:
        case Refused():
            yield "**Refused**: merged as it is, nothing of it would be applied, and what runs would not be touched."
            yield ""
            yield from problem_list(blocker.problems)
        case Held() | Unavailable():
            yield f"**Not determined yet**: {escape(blocker.reason)}: {escape(blocker.message)}. It is retried."
        case _:
            assert_never(blocker)


def section(admission: Admission, *, planned: bool = True) -> Iterable[str]:
    """The lines on the EnvironmentPolicies, in Markdown: for each rule its result, and who must do what, or when it will hold.

    Without a plan the changes are not known, and there are lines only when a policy cannot be used.
    """
    if not admission.results or not (planned or admission.reason == "PolicyBroken"):
        return
    yield ""
    yield f"#### Policy: {admission_summary(admission)}"
    yield ""
    yield from (_result_line(result) for result in admission.results)


def problem_list(problems: Sequence[Problem]) -> Iterable[str]:
    """Lists problems, each with its place and its hint; at most MAX_COMMENT_PROBLEMS."""
    for problem in problems[:MAX_COMMENT_PROBLEMS]:
        place = f"{escape(problem.place)}: " if problem.place else ""
        hint = f" ({escape(problem.hint)})" if problem.hint else ""
        yield f"- {place}{escape(problem.message)}{hint}"
    if more := and_more(len(problems), MAX_COMMENT_PROBLEMS):
        yield f"- {more}"


def _change_tables(changes: Sequence[ApplicationChange]) -> Iterable[str]:
    shown = changes[:MAX_COMMENT_ROWS]
    yield from table(("Application", "What", "Blueprint", "Needed by", "Waits for it"), (_row(change) for change in shown))
    if more := and_more(len(changes), MAX_COMMENT_ROWS):
        yield ""
        yield more
    yield from ("", "<details><summary>Digests and signers</summary>", "")
    yield from table(("Application", "Digest", "Signed for"), (_evidence(change) for change in shown if change.after is not None))
    yield from ("", "</details>")


def _row(change: ApplicationChange) -> Sequence[str]:
    package = change.package
    needed_by = sorted({requirer.application for requirer in package.required_by} - {package.application})
    summary = change.summary if change.before is not None else "added"
    return (
        escape(package.application),
        escape(summary),
        escape(f"{package.blueprint} {package.version}"),
        _some(needed_by),
        _some(change.affected_dependents),
    )


def _evidence(change: ApplicationChange) -> Sequence[str]:
    package = change.package
    before = (
        f"`{_short(change.before.digest)}` -> " if change.before is not None and change.before.digest != package.digest else ""
    )
    signers = [f"{evidence.policy} by {evidence.authority}" for evidence in package.evidence]
    return escape(package.application), f"{before}`{_short(package.digest)}`", _some(signers)


def _result_line(result: RuleResult) -> str:
    icon = {"True": "✅", "False": "⏳", "Unknown": "❔"}[result.status]
    policy = f" ({escape(result.policy)})" if result.policy else ""
    return f"- {icon} **{escape(result.kind)}**{policy}: {escape(result.message)}"


def _some(names: Sequence[str]) -> str:
    """Names as a cell, at most MAX_CELL_NAMES of them, so that the comment stays bounded."""
    return escape(join_first(names, MAX_CELL_NAMES))


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHORT]
