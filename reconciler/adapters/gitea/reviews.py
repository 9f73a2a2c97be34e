"""Who approved what on Gitea: reviews, merged pull requests, teams, and statuses with those who set them.

Of a pull request's head the server tells where its branch is now, also after the merge: it is not asked. Git has the head that
was merged, as the ref `refs/pull/<n>/head`.
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

_MOST_EMPTY: Final = 10  # pages: 500 line comments between two events


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
    """What is asked about approvals."""

    def reviews(self, repository: str, number: int) -> tuple[Review, ...]:
        """Return the reviews of a pull request, the oldest first. A dismissed one is among them."""
        path = f"/repos/{path_of(repository)}/pulls/{number}/reviews"
        found = {
            one.id: Review(one.id, _login(one.user), one.state, one.commit_id, one.dismissed, _seconds(one.submitted_at))
            for page in self.paginate(path, {}, TypeAdapter(list[_Review]))
            for one in page
        }
        return tuple(found[id_] for id_ in sorted(found))

    def past(self, repository: str, number: int) -> PullRequestHistory:
        """Return what became of a pull request. Its reviews stand as if nothing had happened.

        What was pushed before it was opened the server lists as pushed by whoever opened it.
        """
        path = f"/repos/{path_of(repository)}/issues/{number}/timeline"
        # Line comments are left out of their pages: one without any event, `null`, may be followed by others.
        pages = self.paginate(path, {}, TypeAdapter(list[_Event | None] | None), empty=_MOST_EMPTY)
        events = [one for page in pages for one in page or () if one is not None]
        moved = (_seconds(one.created_at) for one in events if one.type == _RETARGETED)
        contributors = {_login(one.user) for one in events if one.type == _PUSHED}
        path, query = f"/repos/{path_of(repository)}/pulls/{number}/commits", {"verification": "false", "files": "false"}
        commits = [one for page in self.paginate(path, query, TypeAdapter(list[_Commit])) for one in page]
        authors = {_login(who) for one in commits for who in (one.author, one.committer)}
        return PullRequestHistory(max(moved, default=None), frozenset(contributors | authors) - {""})

    def pull_request_of_merge(self, repository: str, commit: str) -> MergedPullRequest | None:
        """Return the pull request whose merge made a commit; None when there is none."""
        try:
            found = self.read(f"/repos/{path_of(repository)}/commits/{commit}/pull", {}, TypeAdapter(_Merged))
        except NotFoundError:
            return None
        if not found.merged or found.merge_commit_sha != commit or found.merged_at is None:
            return None
        return MergedPullRequest(
            found.number, _login(found.user), found.base.ref, commit, found.merge_base, _seconds(found.merged_at)
        )

    def members(self, team: str) -> frozenset[str] | None:
        """Return who is in a team (organization/name) now; None when there is no such team.

        Needs the scope `read:organization`, and a user who is in that team or owns the organization.
        """
        organization, _, name = team.partition("/")
        teams = self.paginate(f"/orgs/{quote(organization, safe='')}/teams", {}, TypeAdapter(list[_Team]))
        ids = [one.id for page in teams for one in page if one.name.lower() == name.lower()]
        if not ids:
            return None
        pages = self.paginate(f"/teams/{ids[0]}/members", {}, TypeAdapter(list[_User]))
        return frozenset(one.login.lower() for page in pages for one in page)

    def statuses_by(self, repository: str, commit: str) -> tuple[CommitStatusRecord, ...]:
        """Return all statuses of a commit, the oldest first, whoever set them."""
        path = f"/repos/{path_of(repository)}/commits/{commit}/statuses"
        found = {
            one.id: CommitStatusRecord(
                one.id, one.context, _login(one.creator), one.status, one.description, _seconds(one.created_at)
            )
            for page in self.paginate(path, {}, TypeAdapter(list[_Status]))
            for one in page
        }
        return tuple(found[id_] for id_ in sorted(found))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _login(user: _User | None) -> str:
    """A person's name as names are compared; empty for one who is gone."""
    return user.login.lower() if user else ""
