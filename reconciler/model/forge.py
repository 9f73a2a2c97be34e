"""Data of a forge: pull requests with their reviews, comments and commit statuses, repositories and webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class Webhook:
    """A webhook, with every field that Gitea returns. It never returns the secret.

    Attributes:
        id: its id.
        url: the URL it delivers to.
        active: whether it is active.
        json: whether it delivers JSON instead of a form.
        events: the events it delivers, by Gitea's names.
        branches: the pattern of branches whose pushes it delivers; None when the server does not return it.
    """

    id: int
    url: str
    active: bool
    json: bool
    events: frozenset[str]
    branches: str | None


class OwnPullRequest(BaseModel):
    """An open pull request of the reconciler itself: its number, title and text."""

    number: int
    title: str
    text: str


@dataclass(frozen=True)
class PullRequest:
    """A pull request: its number, its target branch, the head commit to be merged, its author, and its merge commit.

    `author` is in lower case; `merged` is the commit by which it was merged, None until then.
    """

    number: int
    base: str
    head: str
    author: str = ""
    merged: str | None = None


@dataclass(frozen=True)
class Comment:
    """A comment: its id, its author, and its text."""

    id: int
    author: str
    text: str


@dataclass(frozen=True)
class RemoteRepository:
    """A repository on the server; `clone_url` begins with the configured address of Gitea, not with its ROOT_URL."""

    owner: str
    name: str
    clone_url: str
    default_branch: str


@dataclass(frozen=True)
class Review:
    """A review; the newest has the highest id. `state` is as Gitea names it (APPROVED, REQUEST_CHANGES, COMMENT and others).

    `at` is when it was started, in seconds since the epoch.
    """

    id: int
    person: str
    state: str
    commit: str
    dismissed: bool
    at: int


@dataclass(frozen=True)
class MergedPullRequest:
    """A merged pull request: `commit` is the result of the merge, `fork` the merge base of its branch and its target branch.

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
    """History of a pull request: when its target branch was last changed (seconds since the epoch), and its contributors.

    `contributors` pushed to it since it was opened, or are known to the server as author or committer of its commits.
    """

    moved: int | None = None
    contributors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CommitStatusRecord:
    """A commit status; the newest has the highest id. `person` set it, at `at` (seconds since the epoch)."""

    id: int
    context: str
    person: str
    state: str
    description: str
    at: int
