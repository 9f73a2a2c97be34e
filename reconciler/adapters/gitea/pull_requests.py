"""Reads pull requests on Gitea; reads and writes their comments."""

from __future__ import annotations

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.forge import Comment, PullRequest


class _Side(BaseModel):
    ref: str
    sha: str


class _Author(BaseModel):
    login: str


class _Pull(BaseModel):
    number: int
    base: _Side
    head: _Side
    user: _Author | None = None
    merged: bool
    merge_commit_sha: str | None


class _Comment(BaseModel):
    id: int
    body: str
    user: _Author | None


class PullRequests(Client):
    """The endpoints of pull requests and their comments."""

    def pull_requests(self, repository: str) -> tuple[PullRequest, ...]:
        """Returns the open pull requests of a repository (owner/name), the oldest first."""
        pages = self.paginate(
            f"/repos/{path_of(repository)}/pulls", {"state": "open", "sort": "oldest"}, TypeAdapter(list[_Pull])
        )
        pull_requests = {pull.number: _pull(pull) for page in pages for pull in page}
        return tuple(pull_requests[number] for number in sorted(pull_requests))

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """Returns one pull request, open or closed."""
        return _pull(self.read(f"/repos/{path_of(repository)}/pulls/{number}", {}, TypeAdapter(_Pull)))

    def comments(self, repository: str, number: int) -> tuple[Comment, ...]:
        """Returns the comments of a pull request, the oldest first; the server sends them on one page."""
        path = f"/repos/{path_of(repository)}/issues/{number}/comments"
        return tuple(_comment(comment) for comment in self.read(path, {}, TypeAdapter(list[_Comment])))

    def comment(self, repository: str, comment: int) -> Comment:
        """Returns one comment. Raises NotFoundError when somebody deleted it."""
        return _comment(self.read(f"/repos/{path_of(repository)}/issues/comments/{comment}", {}, TypeAdapter(_Comment)))

    def post_comment(self, repository: str, number: int, text: str) -> int:
        """Comments on a pull request; returns the comment's id. Not retried: a second attempt could double it."""
        path = f"/repos/{path_of(repository)}/issues/{number}/comments"
        return self.parse(path, self.send("POST", path, {"body": text}), TypeAdapter(_Comment)).id

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        """Replaces the text of a comment."""
        self.send("PATCH", f"/repos/{path_of(repository)}/issues/comments/{comment}", {"body": text})


def _comment(comment: _Comment) -> Comment:
    return Comment(comment.id, comment.user.login if comment.user else "", comment.body)


def _pull(pull: _Pull) -> PullRequest:
    author = pull.user.login.lower() if pull.user else ""
    merged = pull.merge_commit_sha if pull.merged else None
    return PullRequest(pull.number, pull.base.ref, pull.head.sha, author, merged)
