"""Opens, edits and merges the reconciler's own pull requests on Gitea."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.errors import RejectedError
from reconciler.model.forge import OwnPullRequest

_TRY_LATER: Final = "Please try again later"  # only this text distinguishes it from a rule that forbids the merge


class _Repository(BaseModel):
    full_name: str


class _Head(BaseModel):
    ref: str
    repo: _Repository | None


class _Base(BaseModel):
    ref: str


class _Pull(BaseModel):
    number: int
    title: str
    body: str
    base: _Base
    head: _Head


class _Opened(BaseModel):
    number: int


class _Style(BaseModel):
    default_merge_style: str


class Proposals(Client):
    """The endpoints of the reconciler's own pull requests."""

    def proposal(self, repository: str, branch: str, base: str) -> OwnPullRequest | None:
        """Returns the open pull request of a branch of the repository (owner/name) itself, not of a fork; None without one."""
        query = {"state": "open", "sort": "oldest"}
        for page in self.paginate(f"/repos/{path_of(repository)}/pulls", query, TypeAdapter(list[_Pull])):
            for pull in page:
                is_own_branch = pull.head.repo is not None and pull.head.repo.full_name.lower() == repository.lower()
                if is_own_branch and (pull.head.ref, pull.base.ref) == (branch, base):
                    return OwnPullRequest(number=pull.number, title=pull.title, text=pull.body)
        return None

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, text: str) -> int:
        """Opens a pull request; returns its number. Raises RejectedError when one is already open."""
        path, body = f"/repos/{path_of(repository)}/pulls", {"head": branch, "base": base, "title": title, "body": text}
        return self.parse(path, self.send("POST", path, body), TypeAdapter(_Opened)).number

    def edit_proposal(self, repository: str, number: int, title: str, text: str) -> None:
        """Replaces the title and text of a pull request."""
        self.send("PATCH", f"/repos/{path_of(repository)}/pulls/{number}", {"title": title, "body": text})

    def merge(self, repository: str, number: int, commit: str) -> bool:
        """Merges a pull request in the default style of its repository, if its head is still this commit and no rule forbids it.

        Returns:
            Whether it was merged. False: Gitea is still checking whether it conflicts, as after each push to its base.

        Raises:
            RejectedError: a rule forbids it, or the head is another commit; with Gitea's message.
        """
        path = f"/repos/{path_of(repository)}"
        style = self.read(path, {}, TypeAdapter(_Style)).default_merge_style
        try:
            self.send("POST", f"{path}/pulls/{number}/merge", {"Do": style, "head_commit_id": commit})
        except RejectedError as error:
            if _TRY_LATER not in error.message:
                raise
            return False
        return True
