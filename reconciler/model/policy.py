"""EnvironmentPolicy: what must hold before a change of an Environment is applied. Decided by the Sovereign."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from reconciler.model.base import Document, Model

MAX_SECONDS: Final = 366 * 86_400
_DURATION: Final = r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
# A team of the Organization that owns the Environment's repository, or `organization/team`.
_TEAM: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$"


def seconds_of(duration: str) -> int:
    """How many seconds a duration such as `72h` or `1h30m` is.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(_DURATION, duration)
    if found is None or not duration:
        raise ValueError("it must be hours, minutes and seconds, such as 72h or 1h30m")
    hours, minutes, seconds = (int((part or "0 ")[:-1]) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _lasting(value: str) -> str:
    if not 0 < seconds_of(value) <= MAX_SECONDS:
        raise ValueError(f"it must be longer than nothing and at most {MAX_SECONDS // 3600}h")
    return value


Duration = Annotated[str, Field(pattern=_DURATION), AfterValidator(_lasting)]


class PullRequestRule(Model):
    """Each change came with a merged pull request that enough members of the teams approve of.

    `approvers` are teams of the Organization that owns the Environment's repository, or `organization/team`; any of them will do.
    The approval of its author or of who wrote or pushed a part of it, a dismissed one, and one given before it came to change
    other files or to bring other artifacts do not count.
    """

    kind: Literal["pr-required"]
    approvers: Annotated[list[Annotated[str, Field(pattern=_TEAM, max_length=256)]], Field(min_length=1, max_length=20)]
    min_approvals: Annotated[int, Field(ge=1, le=20)] = 1


class SoakRule(Model):
    """What is new was Ready in another Environment for so long: `duration` is of hours, minutes and seconds, such as `72h`."""

    kind: Literal["soak"]
    source_environment: Annotated[str, Field(min_length=1, max_length=128)]
    duration: Duration


class WindowRule(Model):
    """Changes are applied within windows: each opens when `cron` (five fields) says so, in `timeZone`, for `duration`."""

    kind: Literal["change-window"]
    cron: Annotated[str, Field(min_length=9, max_length=256)]
    duration: Duration
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"


class ScoreRule(Model):
    """The commit status `re-score` of `main`'s head, or of each change on it, has at least this number of 100 in its description.

    Anybody who may write to the Environment's repository may set a commit status: `setBy` are the users whose count. Without any,
    everybody's do.
    """

    kind: Literal["re-score-gate"]
    min_score: Annotated[int, Field(ge=0, le=100)]
    set_by: Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(max_length=20)] = []


Rule = Annotated[PullRequestRule | SoakRule | WindowRule | ScoreRule, Field(discriminator="kind")]


class AppliesTo(Model):
    """Environments by name; `*` stands for any characters."""

    environments: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9*._-]+$", max_length=128)]], Field(min_length=1)]


class PolicySpec(Model):
    """`spec` of an EnvironmentPolicy: all rules must hold, and those of every other policy that applies."""

    applies_to: AppliesTo
    rules: Annotated[list[Rule], Field(min_length=1, max_length=20)]


class EnvironmentPolicy(Document):
    """Decided by the Sovereign, in its system repository: one in an Environment's own repository says nothing."""

    kind: Literal["EnvironmentPolicy"]
    spec: PolicySpec
