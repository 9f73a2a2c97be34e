"""Pull requests on Gitea, and their comments."""

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
    """What is asked about pull requests."""

    def pull_requests(self, repository: str) -> tuple[PullRequest, ...]:
        """Return the open pull requests of a repository (owner/name), the oldest first."""
        pages = self.paginate(
            f"/repos/{path_of(repository)}/pulls", {"state": "open", "sort": "oldest"}, TypeAdapter(list[_Pull])
        )
        found = {one.number: _pull(one) for page in pages for one in page}
        return tuple(found[number] for number in sorted(found))

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """Return one, open or closed."""
        return _pull(self.read(f"/repos/{path_of(repository)}/pulls/{number}", {}, TypeAdapter(_Pull)))

    def comments(self, repository: str, number: int) -> tuple[Comment, ...]:
        """Return the comments of a pull request, the oldest first; the server gives them in one piece."""
        path = f"/repos/{path_of(repository)}/issues/{number}/comments"
        return tuple(_said(one) for one in self.read(path, {}, TypeAdapter(list[_Comment])))

    def comment(self, repository: str, comment: int) -> Comment:
        """Return one comment. Raises Missing when somebody deleted it."""
        return _said(self.read(f"/repos/{path_of(repository)}/issues/comments/{comment}", {}, TypeAdapter(_Comment)))

    def post_comment(self, repository: str, number: int, text: str) -> int:
        """Comment on a pull request; return the comment's id. Not retried: a second attempt could double it."""
        path = f"/repos/{path_of(repository)}/issues/{number}/comments"
        return self.parse(path, self.send("POST", path, {"body": text}), TypeAdapter(_Comment)).id

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        """Put another text into a comment."""
        self.send("PATCH", f"/repos/{path_of(repository)}/issues/comments/{comment}", {"body": text})


def _said(found: _Comment) -> Comment:
    return Comment(found.id, found.user.login if found.user else "", found.body)


def _pull(found: _Pull) -> PullRequest:
    author = found.user.login.lower() if found.user else ""
    merged = found.merge_commit_sha if found.merged else None
    return PullRequest(found.number, found.base.ref, found.head.sha, author, merged)
