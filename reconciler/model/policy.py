"""The EnvironmentPolicy document: rules that must pass before a change of an Environment is applied. Set by the Sovereign."""

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
    """Returns the seconds of a duration such as `72h` or `1h30m`.

    Raises:
        ValueError: the text is not a valid duration.
    """
    match = re.fullmatch(_DURATION, duration)
    if match is None or not duration:
        raise ValueError("it must consist of hours, minutes and seconds, such as 72h or 1h30m")
    hours, minutes, seconds = (int((part or "0 ")[:-1]) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _lasting(value: str) -> str:
    if not 0 < seconds_of(value) <= MAX_SECONDS:
        raise ValueError(f"it must be longer than zero and at most {MAX_SECONDS // 3600}h")
    return value


Duration = Annotated[str, Field(pattern=_DURATION), AfterValidator(_lasting)]


class PullRequestRule(Model):
    """Requires that each change was merged by a pull request with enough approvals from members of the teams.

    `approvers` are teams of the Organization that owns the Environment's repository, or `organization/team`; a member of any of
    them can approve. An approval does not count if it comes from the author or from a contributor (who wrote or pushed a part of
    the pull request), if it was dismissed, or if it was given before the pull request came to change other files or bring other
    artifacts.
    """

    kind: Literal["pr-required"]
    approvers: Annotated[list[Annotated[str, Field(pattern=_TEAM, max_length=256)]], Field(min_length=1, max_length=20)]
    min_approvals: Annotated[int, Field(ge=1, le=20)] = 1


class SoakRule(Model):
    """Requires that new packages were Ready in another Environment for `duration` (hours, minutes and seconds, such as `72h`)."""

    kind: Literal["soak"]
    source_environment: Annotated[str, Field(min_length=1, max_length=128)]
    duration: Duration


class WindowRule(Model):
    """Allows changes only within windows: each opens at a time of `cron` (five fields, in `timeZone`), for `duration`."""

    kind: Literal["change-window"]
    cron: Annotated[str, Field(min_length=9, max_length=256)]
    duration: Duration
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"


class ScoreRule(Model):
    """Requires a score of at least `minScore` of 100 in the description of the commit status `re-score`.

    The commit status is that of `main`'s head, or of each change on it. Every user with write access to the Environment's
    repository can set a commit status: `setBy` lists the users whose commit statuses count; if empty, those of all users do.
    """

    kind: Literal["re-score-gate"]
    min_score: Annotated[int, Field(ge=0, le=100)]
    set_by: Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(max_length=20)] = []


Rule = Annotated[PullRequestRule | SoakRule | WindowRule | ScoreRule, Field(discriminator="kind")]


class AppliesTo(Model):
    """Selects Environments by name; `*` matches any characters."""

    environments: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9*._-]+$", max_length=128)]], Field(min_length=1)]


class PolicySpec(Model):
    """`spec` of an EnvironmentPolicy: all its rules must pass, and those of every other policy that applies."""

    applies_to: AppliesTo
    rules: Annotated[list[Rule], Field(min_length=1, max_length=20)]


class EnvironmentPolicy(Document):
    """Rules for changes of Environments, set by the Sovereign in its system repository. Ignored in an Environment's own."""

    kind: Literal["EnvironmentPolicy"]
    spec: PolicySpec
