"""What keeps the head of `main` from becoming `resolved`: the commit is refused, a policy holds it, or an outside call failed.

A blocker is one of three values, matched exhaustively where it is used: they differ in who must act, in whether the reconciler
tries again by itself, and in which condition reports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from reconciler.domain.text.listing import join_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.errors import ReconcilerError
    from reconciler.model.problem import Problem

Stage = Literal["Valid", "Resolved", "Trusted", "Committed"]


@dataclass(frozen=True)
class Refused:
    """The commit itself is at fault: its author must push another one.

    Attributes:
        stage: the condition that does not hold; `Trusted` when the packages resolved from this commit are no longer trusted.
        problems: at least one error.
    """

    stage: Literal["Valid", "Resolved", "Trusted"]
    problems: tuple[Problem, ...]

    @property
    def reason(self) -> str:
        """The code of the first problem."""
        return self.problems[0].code

    @property
    def message(self) -> str:
        """The first problem with its location, and the number of further ones."""
        return join_first(self.problems, 1, "; ")


@dataclass(frozen=True)
class Held:
    """An EnvironmentPolicy does not admit the commit yet: people must act, or time must pass.

    Attributes:
        reason: the condition's reason.
        message: who must do what, and when the rule will hold by itself.
        retry_at: seconds since the epoch at which to evaluate again; None when time alone changes nothing.
    """

    stage: ClassVar[Literal["Admitted"]] = "Admitted"
    reason: str
    message: str
    retry_at: int | None = None


@dataclass(frozen=True)
class Unavailable:
    """Something outside the commit failed: the reconciler tries again, and the commit may be good.

    It stores the error's text instead of the error, which would keep the frames of the failed call alive.

    Attributes:
        stage: the condition that could not be determined.
        reason: the error's reason.
        message: the error's message, with its hint.
    """

    stage: Stage
    reason: str
    message: str


Blocker: TypeAlias = Refused | Held | Unavailable


def refused(stage: Literal["Valid", "Resolved", "Trusted"], problems: Sequence[Problem]) -> Refused:
    """Returns the blocker of a commit with these problems, of which at least one is an error; warnings do not refuse it."""
    return Refused(stage, tuple(problem for problem in problems if problem.severity == "error"))


def unavailable(stage: Stage, error: ReconcilerError) -> Unavailable:
    """Returns the blocker after a failed outside call."""
    return Unavailable(stage, error.reason, str(error))


def problems_of(blocker: Blocker | None) -> tuple[Problem, ...]:
    """Returns the problems of a refused commit; empty for any other blocker."""
    return blocker.problems if isinstance(blocker, Refused) else ()


def is_final(blocker: Blocker | None) -> bool:
    """Whether the documents themselves are refused, so that the same commit can never be resolved."""
    return isinstance(blocker, Refused) and blocker.stage == "Valid"


def keep_first_wording(before: Unavailable | None, now: Unavailable) -> Unavailable:
    """Keeps the wording of the first failure with the same stage and reason.

    Error texts vary between attempts, and a different text must not cause a new status commit.
    """
    if before is not None and (before.stage, before.reason) == (now.stage, now.reason):
        return before
    return now
