"""Pull requests that the reconciler itself opens and merges on Gitea."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.errors import RejectedError
from reconciler.model.forge import OwnPullRequest

_LATER: Final = "Please try again later"  # only these words tell it from a rule that stands against it


class _Repository(BaseModel):
    full_name: str


class _Head(BaseModel):
    ref: str
    repo: _Repository | None


class _Base(BaseModel):
    ref: str


class _Found(BaseModel):
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
    """What is asked about pull requests of the reconciler's own."""

    def proposal(self, repository: str, branch: str, base: str) -> OwnPullRequest | None:
        """The open pull request for a branch of a repository (owner/name) itself, not of a fork; None when there is none."""
        query = {"state": "open", "sort": "oldest"}
        for page in self.paginate(f"/repos/{path_of(repository)}/pulls", query, TypeAdapter(list[_Found])):
            for one in page:
                home = one.head.repo is not None and one.head.repo.full_name.lower() == repository.lower()
                if home and (one.head.ref, one.base.ref) == (branch, base):
                    return OwnPullRequest(number=one.number, title=one.title, text=one.body)
        return None

    def open_pull_request(self, repository: str, branch: str, base: str, title: str, text: str) -> int:
        """Open a pull request; return its number. Raises Rejected when there is one already."""
        path, body = f"/repos/{path_of(repository)}/pulls", {"head": branch, "base": base, "title": title, "body": text}
        return self.parse(path, self.send("POST", path, body), TypeAdapter(_Opened)).number

    def edit_proposal(self, repository: str, number: int, title: str, text: str) -> None:
        """Put another title and text into a pull request."""
        self.send("PATCH", f"/repos/{path_of(repository)}/pulls/{number}", {"title": title, "body": text})

    def merge(self, repository: str, number: int, commit: str) -> bool:
        """Merge a pull request, as is usual in its repository, if its head is still this very commit, and no rule is against it.

        Returns:
            Whether it was merged. False: Gitea is still finding out whether it conflicts, as after each push to its base.

        Raises:
            RejectedError: a rule stands against it, or the head is another one; with Gitea's words.
        """
        path = f"/repos/{path_of(repository)}"
        style = self.read(path, {}, TypeAdapter(_Style)).default_merge_style
        try:
            self.send("POST", f"{path}/pulls/{number}/merge", {"Do": style, "head_commit_id": commit})
        except RejectedError as fault:
            if _LATER not in fault.message:
                raise
            return False
        return True
