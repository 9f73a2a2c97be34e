"""Shows a blocker: as one line on a terminal, as JSON, and as an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from reconciler.cli import console
from reconciler.domain.blocker import Held, Refused, Unavailable

if TYPE_CHECKING:
    from reconciler.domain.blocker import Blocker


def exit_code(blocker: Blocker | None) -> int:
    """The exit code: REFUSED where the commit is at fault, OUTSIDE where something else is, or a policy holds it."""
    match blocker:
        case None:
            return console.OK
        case Refused():
            return console.REFUSED
        case Held() | Unavailable():
            return console.OUTSIDE
        case _:
            assert_never(blocker)


def as_json(blocker: Blocker | None) -> dict[str, Any] | None:
    """Its stage, reason and message; its problems are listed beside it."""
    if blocker is None:
        return None
    return {"stage": blocker.stage, "reason": blocker.reason, "message": blocker.message}


def show(environment: str, blocker: Blocker | None) -> None:
    """Print its reason and message on standard error."""
    if blocker is not None:
        console.print_error(f"{environment}: {blocker.reason}: {blocker.message}")
