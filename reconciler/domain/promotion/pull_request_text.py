"""Writes the pull request of a promotion, for its reviewers: title, text and commit message.

All text from outside is escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.text.listing import and_more, join_first
from reconciler.domain.text.markdown import escape, table
from reconciler.model.trailers import PROMOTED_FROM, trailer_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.domain.blocker import Blocker
    from reconciler.domain.locking.lock_diff import ApplicationChange
    from reconciler.domain.promotion.selection import PromotedPin, PromotionSource, SkippedApplication

MAX_ROWS: Final = 200
_MAX_NAMED: Final = 3
_SHORT: Final = 12


def title(source: PromotionSource, pins: Sequence[PromotedPin]) -> str:
    """Returns the title: the promoted packages and their source."""
    named = join_first([f"{pin.name} {pin.package.version}" for pin in pins], _MAX_NAMED)
    return f"Promote {named} from {source.name}"


def message(source: PromotionSource, pins: Sequence[PromotedPin]) -> str:
    """Returns the commit message; equal promotions have equal messages."""
    lines = "".join(f"~ {pin.name}: {pin.package.blueprint} {pin.before} -> {pin.package.version}\n" for pin in pins)
    origin = f"{source.name} {source.resolved}"
    return f"{title(source, pins)}\n\n{lines}\n{trailer_lines((PROMOTED_FROM, origin))}"


def text(
    source: PromotionSource,
    target: str,
    pins: Sequence[PromotedPin],
    soaked: Mapping[str, int],
    left: Sequence[SkippedApplication],
    steps: Sequence[ApplicationChange],
    blocker: Blocker | None,
) -> str:
    """Returns the text of the pull request, as Markdown.

    Args:
        source: the Environment that is promoted from.
        target: the name of the Environment that is promoted to.
        pins: the versions that the pull request pins.
        soaked: for how many seconds in all each artifact was observed Ready in the source, by digest.
        left: the Applications that are not promoted.
        steps: the changes that merging it would make now.
        blocker: why these changes are unknown; None when they are known.
    """
    lines = [f"### Promote {escape(source.name)} to {escape(target)}", ""]
    lines += [f"It pins what runs in {escape(source.name)} and is ready there on all its clusters.", ""]
    head = ("Application", "Blueprint", "Version", "Digest", f"Ready in {escape(source.name)} since", "And in all for")
    lines += table(head, (_row(pin, soaked.get(pin.package.digest, 0)) for pin in pins[:MAX_ROWS]))
    if more := and_more(len(pins), MAX_ROWS):
        lines += ["", more]
    lines += _dependent_changes(source, pins, steps, blocker)
    if left:
        lines += ["", "Not promoted:", ""]
        lines += [f"- {escape(skipped.application)}: {escape(skipped.why)}" for skipped in left[:MAX_ROWS]]
    return "\n".join([*lines, "", f"Of the commit `{source.resolved[:_SHORT]}` on `resolved` of {escape(source.name)}."]) + "\n"


def _row(pin: PromotedPin, soaked: int) -> Sequence[str]:
    runs = f" ({pin.running} runs)" if pin.running and pin.running != pin.before else ""
    return (
        escape(pin.name),
        escape(pin.package.blueprint),
        escape(f"{pin.before}{runs} -> {pin.package.version}"),
        f"`{pin.package.digest.removeprefix('sha256:')[:_SHORT]}`",
        escape(pin.since or "unknown"),
        _span(soaked),
    )


def _span(seconds: int) -> str:
    """Formats seconds in their two largest units, rounded down."""
    minutes = seconds // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join([f"{count} {unit}" for count, unit in parts if count][:2]) or "less than a minute"


def _dependent_changes(
    source: PromotionSource, pins: Sequence[PromotedPin], steps: Sequence[ApplicationChange], blocker: Blocker | None
) -> Iterable[str]:
    """Yields the changes beside the pinned Applications: dependencies follow from Blueprints, and no file pins them."""
    if blocker is not None:
        yield ""
        yield f"Further changes are not known: {escape(blocker.reason)}: {escape(blocker.message)}"
        return
    versions = {package.application: package.version for package in source.lock.packages}
    pinned = {pin.name for pin in pins}
    rows = [
        (
            escape(step.package.application),
            escape(step.summary if step.before else f"added, {step.package.version}"),
            escape(versions.get(step.package.application, "does not run")),
        )
        for step in steps
        if step.package.application not in pinned
    ]
    if rows:
        yield from ("", "Further changes, which no file pins:", "")
        yield from table(("Application", "Change", f"In {escape(source.name)}"), rows[:MAX_ROWS])
