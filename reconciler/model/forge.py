"""Values that a forge holds: pull requests with their reviews, comments and commit statuses, repositories and webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class Webhook:
    """A webhook: all that Gitea shows of it. The secret is never shown.

    Attributes:
        id: its number.
        url: where it delivers to.
        active: whether it does.
        json: whether as JSON, rather than as a form.
        events: what it delivers, in Gitea's words.
        branches: the pattern of branches whose pushes it delivers; None when the server does not show it.
    """

    id: int
    url: str
    active: bool
    json: bool
    events: frozenset[str]
    branches: str | None


class OwnPullRequest(BaseModel):
    """An open pull request as its readers see it."""

    number: int
    title: str
    text: str


@dataclass(frozen=True)
class PullRequest:
    """A pull request: its number, the branch it is for, the commit that it would merge, who opened it, and how it was merged.

    `author` is in small letters; `merged` is the commit by which it was merged, None while it is not.
    """

    number: int
    base: str
    head: str
    author: str = ""
    merged: str | None = None


@dataclass(frozen=True)
class Comment:
    """A comment: its id, who wrote it, and its text."""

    id: int
    author: str
    text: str


@dataclass(frozen=True)
class RemoteRepository:
    """A repository on the server; `clone_url` is under the address that we reach Gitea at, not its ROOT_URL."""

    owner: str
    name: str
    clone_url: str
    default_branch: str


@dataclass(frozen=True)
class Review:
    """A review, the newest with the highest id; `state` in Gitea's words (APPROVED, REQUEST_CHANGES, COMMENT and others).

    `at` is when it was begun, in seconds since the epoch.
    """

    id: int
    person: str
    state: str
    commit: str
    dismissed: bool
    at: int


@dataclass(frozen=True)
class MergedPullRequest:
    """A merged pull request: `commit` is what the merge made, `fork` the commit from which it parted from its base.

    `at` is when it was merged, in seconds since the epoch.
    """

    number: int
    author: str
    base: str
    commit: str
    fork: str
    at: int


@dataclass(frozen=True)
class PullRequestHistory:
    """What became of a pull request: when (seconds since the epoch) it was last made one for another branch; whose it is in part.

    `contributors` pushed to it since it was opened, or are known to the server as author or committer of its commits.
    """

    moved: int | None = None
    contributors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CommitStatusRecord:
    """A commit status, the newest with the highest id, who set it, and when, in seconds since the epoch."""

    id: int
    context: str
    person: str
    state: str
    description: str
    at: int
