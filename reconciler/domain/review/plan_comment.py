"""The comment that a pull request gets: what merging it would do, for the people who decide on it.

What touches running Applications comes first. Nothing of the pull request's own text is in it but names and messages, escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.admission.rules import admission_summary
from reconciler.domain.blocker import Held, Refused, Unavailable
from reconciler.domain.locking.change_summary import change_count
from reconciler.domain.text.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.admission.rules import Admission, RuleResult
    from reconciler.domain.blocker import Blocker
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.model.problem import Problem

# By this the comment is found again; whose it is counts as well, since anybody can write it.
MARKER: Final = "<!-- catalyst: plan -->"

MAX_COMMENT_ROWS: Final = 200

MAX_COMMENT_PROBLEMS: Final = 50

MAX_CELL_NAMES: Final = 10  # in a cell

_SHORT: Final = 12


def render_plan_comment(
    environment: str,
    steps: Sequence[ApplicationChange],
    total: int,
    tree: str | None,
    *,
    warnings: Sequence[Problem] = (),
    blocker: Blocker | None = None,
    compare: str = "",
    policy: Iterable[str] = (),
) -> str:
    """The comment as Markdown.

    Args:
        environment: its name.
        steps: what changes.
        total: how many Applications there would be.
        tree: the tree id that `resolved` would have; None with a blocker.
        warnings: problems that do not refuse it.
        blocker: why there is no plan.
        compare: path of the page on the forge that shows the difference of all Flux objects, below its address.
        policy: lines on what EnvironmentPolicies say (`domain.review.plan_comment`).
    """
    lines = [MARKER, f"### Plan for {escape(environment)}", ""]
    if blocker is not None:
        lines += _blocked(blocker)
    elif steps:
        lines += [f"**{change_count(len(steps), total)}** once this is merged.", "", *_steps(steps)]
    else:
        lines += ["**Nothing changes** of what runs.", ""]
    if warnings:
        lines += ["", "Warnings:", "", *problem_list(warnings)]
    if tree is not None:
        difference = f"; [each Flux object that changes](/:root/{compare})" if compare and steps else ""
        lines += ["", f"`resolved` will have the tree `{tree}`{difference}."]
    lines += policy
    return "\n".join(lines) + "\n"


def _blocked(blocker: Blocker) -> Iterable[str]:
    match blocker:
        case Refused():
            yield "**Refused**: merged like this, nothing of it would be applied, and what runs would not be touched."
            yield ""
            yield from problem_list(blocker.problems)
        case Held() | Unavailable():
            yield f"**Not determined yet**: {escape(blocker.reason)}: {escape(blocker.message)}. It is tried again."
        case _:
            assert_never(blocker)


def problem_list(problems: Sequence[Problem]) -> Iterable[str]:
    """Problems as a list, each with its place and what to do."""
    for one in problems[:MAX_COMMENT_PROBLEMS]:
        place = f"{escape(one.place)}: " if one.place else ""
        hint = f" ({escape(one.hint)})" if one.hint else ""
        yield f"- {place}{escape(one.message)}{hint}"
    if len(problems) > MAX_COMMENT_PROBLEMS:
        yield f"- and {len(problems) - MAX_COMMENT_PROBLEMS} more"


def _steps(steps: Sequence[ApplicationChange]) -> Iterable[str]:
    shown = steps[:MAX_COMMENT_ROWS]
    yield from table(("Application", "What", "Blueprint", "Needed by", "Waits for it"), (_row(step) for step in shown))
    if len(steps) > MAX_COMMENT_ROWS:
        yield ""
        yield f"And {len(steps) - MAX_COMMENT_ROWS} more."
    yield from ("", "<details><summary>Digests, and who signed them</summary>", "")
    yield from table(("Application", "Digest", "Signed for"), (_evidence(step) for step in shown if step.after is not None))
    yield from ("", "</details>")


def _row(step: ApplicationChange) -> Sequence[str]:
    package = step.package
    needed_by = sorted({one.application for one in package.required_by} - {package.application})
    what = step.summary if step.before is not None else "added"
    return (
        escape(package.application),
        escape(what),
        escape(f"{package.blueprint} {package.version}"),
        _some(needed_by),
        _some(step.affected_dependents),
    )


def _evidence(step: ApplicationChange) -> Sequence[str]:
    package = step.package
    before = f"`{_short(step.before.digest)}` -> " if step.before is not None and step.before.digest != package.digest else ""
    signed = [f"{one.policy} by {one.authority}" for one in package.evidence]
    return escape(package.application), f"{before}`{_short(package.digest)}`", _some(signed)


def _some(names: Sequence[str]) -> str:
    """Names as a cell, not so many that the table could grow without bounds."""
    more = f" and {len(names) - MAX_CELL_NAMES} more" if len(names) > MAX_CELL_NAMES else ""
    return escape(", ".join(names[:MAX_CELL_NAMES]) + more)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHORT]


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


def _line(one: RuleResult) -> str:
    mark = {"True": "✅", "False": "⏳", "Unknown": "❔"}[one.status]
    policy = f" ({escape(one.policy)})" if one.policy else ""
    return f"- {mark} **{escape(one.kind)}**{policy}: {escape(one.message)}"
