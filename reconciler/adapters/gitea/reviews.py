"""Reads approvals on Gitea: reviews, merged pull requests, teams, and commit statuses with their authors.

The head of a pull request is not read here: the server reports where its branch is now, even after the merge. Git has the merged
head, as the ref `refs/pull/<n>/head`.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it
from typing import Final
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.errors import NotFoundError
from reconciler.model.forge import CommitStatusRecord, MergedPullRequest, PullRequestHistory, Review

_RETARGETED: Final = "change_target_branch"

_PUSHED: Final = "pull_push"

_MAX_EMPTY: Final = 10  # pages: 500 line comments between two events


class _User(BaseModel):
    login: str


class _Review(BaseModel):
    id: int
    user: _User | None
    state: str
    commit_id: str
    dismissed: bool
    submitted_at: datetime


class _Base(BaseModel):
    ref: str


class _Merged(BaseModel):
    number: int
    user: _User | None
    base: _Base
    merged: bool
    merge_commit_sha: str | None
    merge_base: str
    merged_at: datetime | None


class _Team(BaseModel):
    id: int
    name: str


class _Status(BaseModel):
    id: int
    context: str
    status: str
    description: str
    creator: _User | None
    created_at: datetime


class _Event(BaseModel):
    type: str
    user: _User | None = None
    created_at: datetime


class _Commit(BaseModel):
    author: _User | None
    committer: _User | None


class Reviews(Client):
    """The endpoints that approvals need."""

    def reviews(self, repository: str, number: int) -> tuple[Review, ...]:
        """Returns the reviews of a pull request, the oldest first, dismissed ones included."""
        path = f"/repos/{path_of(repository)}/pulls/{number}/reviews"
        reviews = {
            review.id: Review(
                review.id, _login(review.user), review.state, review.commit_id, review.dismissed, _seconds(review.submitted_at)
            )
            for page in self.paginate(path, {}, TypeAdapter(list[_Review]))
            for review in page
        }
        return tuple(reviews[id_] for id_ in sorted(reviews))

    def past(self, repository: str, number: int) -> PullRequestHistory:
        """Returns the history of a pull request, by which its reviews must be interpreted: the server does not change them.

        The server attributes the commits pushed before the pull request was opened to the user who opened it.
        """
        path = f"/repos/{path_of(repository)}/issues/{number}/timeline"
        # The server leaves line comments out of the pages: a page without any event (`null`) may be followed by others.
        pages = self.paginate(path, {}, TypeAdapter(list[_Event | None] | None), empty=_MAX_EMPTY)
        events = [entry for page in pages for entry in page or () if entry is not None]
        retargeted = (_seconds(entry.created_at) for entry in events if entry.type == _RETARGETED)
        contributors = {_login(entry.user) for entry in events if entry.type == _PUSHED}
        path, query = f"/repos/{path_of(repository)}/pulls/{number}/commits", {"verification": "false", "files": "false"}
        commits = [entry for page in self.paginate(path, query, TypeAdapter(list[_Commit])) for entry in page]
        authors = {_login(user) for entry in commits for user in (entry.author, entry.committer)}
        return PullRequestHistory(max(retargeted, default=None), frozenset(contributors | authors) - {""})

    def pull_request_of_merge(self, repository: str, commit: str) -> MergedPullRequest | None:
        """Returns the pull request whose merge created a commit; None for any other commit."""
        try:
            merged = self.read(f"/repos/{path_of(repository)}/commits/{commit}/pull", {}, TypeAdapter(_Merged))
        except NotFoundError:
            return None
        if not merged.merged or merged.merge_commit_sha != commit or merged.merged_at is None:
            return None
        return MergedPullRequest(
            merged.number, _login(merged.user), merged.base.ref, commit, merged.merge_base, _seconds(merged.merged_at)
        )

    def members(self, team: str) -> frozenset[str] | None:
        """Returns the current members of a team (organization/name); None when the team does not exist.

        Needs the scope `read:organization`, and a user who is a member of the team or an owner of the organization.
        """
        organization, _, name = team.partition("/")
        teams = self.paginate(f"/orgs/{quote(organization, safe='')}/teams", {}, TypeAdapter(list[_Team]))
        ids = [entry.id for page in teams for entry in page if entry.name.lower() == name.lower()]
        if not ids:
            return None
        pages = self.paginate(f"/teams/{ids[0]}/members", {}, TypeAdapter(list[_User]))
        return frozenset(entry.login.lower() for page in pages for entry in page)

    def statuses_by(self, repository: str, commit: str) -> tuple[CommitStatusRecord, ...]:
        """Returns all statuses of a commit, the oldest first, with their authors."""
        path = f"/repos/{path_of(repository)}/commits/{commit}/statuses"
        statuses = {
            status.id: CommitStatusRecord(
                status.id, status.context, _login(status.creator), status.status, status.description, _seconds(status.created_at)
            )
            for page in self.paginate(path, {}, TypeAdapter(list[_Status]))
            for status in page
        }
        return tuple(statuses[id_] for id_ in sorted(statuses))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _login(user: _User | None) -> str:
    """Returns a user's name in lower case, as names are compared; empty for a deleted user."""
    return user.login.lower() if user else ""
