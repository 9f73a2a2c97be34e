"""Repositories on Gitea, and the statuses of their commits."""

from __future__ import annotations

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.errors import UnavailableError
from reconciler.model.forge import RemoteRepository


class _CommitStatus(BaseModel):
    context: str
    status: str  # what a POST calls `state`
    description: str


class _Combined(BaseModel):
    statuses: list[_CommitStatus] | None

    def __bool__(self) -> bool:
        return bool(self.statuses)


class _Owner(BaseModel):
    login: str


class _Found(BaseModel):
    owner: _Owner
    name: str
    default_branch: str
    archived: bool
    topics: list[str] | None


class _Page(BaseModel):
    ok: bool
    data: list[_Found]

    def __bool__(self) -> bool:
        return bool(self.data) or not self.ok


class Repositories(Client):
    """What is asked about repositories and commits."""

    def repositories(self, topic: str) -> tuple[RemoteRepository, ...]:
        """Return the repositories with exactly this topic that the token may see, archived ones left out, sorted."""
        # Sorted by creation, so that a repository made meanwhile comes last and hides no other.
        query = {"q": topic, "topic": "true", "sort": "created", "order": "asc"}
        found: dict[tuple[str, str], RemoteRepository] = {}
        for page in self.paginate("/repos/search", query, TypeAdapter(_Page)):
            if not page.ok:
                raise UnavailableError(f"{self.url} could not search its repositories")
            for each in page.data:
                if topic in (each.topics or ()) and not each.archived:
                    key = each.owner.login, each.name
                    found[key] = RemoteRepository(*key, self._clone_url(*key), each.default_branch)
        return tuple(found[key] for key in sorted(found))

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        """Return the newest commit status of each context: context -> (state, description).

        Args:
            repository: owner/name.
            commit: its full id.
        """
        path = f"/repos/{path_of(repository)}/commits/{commit}/status"
        pages = self.paginate(path, {}, TypeAdapter(_Combined))
        return {mark.context: (mark.status, mark.description) for page in pages for mark in page.statuses or ()}

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        """Set a commit status, which links to the page on the `status` branch. Not retried: the next pass sees it missing.

        Args:
            repository: owner/name.
            commit: its full id.
            context: the status's name.
            state: pending, success, failure or error.
            description: one line.
        """
        mark = {
            "context": context,
            "state": state,
            "description": description,
            "target_url": f"{self.url}/{path_of(repository)}/src/branch/status/README.md",
        }
        self.send("POST", f"/repos/{path_of(repository)}/statuses/{commit}", mark)

    def _clone_url(self, owner: str, name: str) -> str:
        return f"{self.url}/{path_of(f'{owner}/{name}')}.git"
