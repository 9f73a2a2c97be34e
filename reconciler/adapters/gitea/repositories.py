"""Finds repositories on Gitea by topic; reads and posts commit statuses."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, TypeAdapter

from reconciler.adapters.gitea.client import Client, MovedRepositoryError, path_of
from reconciler.model.errors import UnavailableError
from reconciler.model.forge import RemoteRepository

_MAX_RENAMES: Final = 5  # of a repository and its owner, one after the other


class _CommitStatus(BaseModel):
    context: str
    status: str  # a POST names it `state`
    description: str


class _Combined(BaseModel):
    statuses: list[_CommitStatus] | None

    def __bool__(self) -> bool:
        return bool(self.statuses)


class _Owner(BaseModel):
    login: str


class _Repository(BaseModel):
    owner: _Owner
    name: str
    default_branch: str
    archived: bool
    topics: list[str] | None


class _Page(BaseModel):
    ok: bool
    data: list[_Repository]

    def __bool__(self) -> bool:
        return bool(self.data) or not self.ok


class Repositories(Client):
    """The endpoints of repositories and commit statuses."""

    def repositories(self, topic: str) -> tuple[RemoteRepository, ...]:
        """Returns the repositories with exactly this topic that the token may see, archived ones left out, sorted."""
        # Sorted by creation, so that a repository created meanwhile comes last and displaces no other.
        query = {"q": topic, "topic": "true", "sort": "created", "order": "asc"}
        repositories: dict[tuple[str, str], RemoteRepository] = {}
        for page in self.paginate("/repos/search", query, TypeAdapter(_Page)):
            if not page.ok:
                raise UnavailableError(f"{self.url} could not search its repositories")
            for entry in page.data:
                if topic in (entry.topics or ()) and not entry.archived:
                    key = entry.owner.login, entry.name
                    repositories[key] = RemoteRepository(*key, self._clone_url(*key), entry.default_branch)
        return tuple(repositories[key] for key in sorted(repositories))

    def current(self, repository: str) -> RemoteRepository:
        """Returns a repository under the name that it has now: renamed ones are followed, and letters are as Gitea has them.

        A redirect is never followed to an address, only to a name.

        Args:
            repository: owner/name, in any spelling that Gitea accepts.

        Raises:
            NotFoundError: there is no such repository, or the token may not see it.
        """
        name = repository
        for _ in range(_MAX_RENAMES):
            try:
                entry = self.read(f"/repos/{path_of(name)}", {}, TypeAdapter(_Repository))
            except MovedRepositoryError as moved:
                name = moved.repository
                continue
            owner = entry.owner.login
            return RemoteRepository(owner, entry.name, self._clone_url(owner, entry.name), entry.default_branch)
        raise UnavailableError(f"{self.url} redirects {repository} more than {_MAX_RENAMES} times")

    def statuses(self, repository: str, commit: str) -> dict[str, tuple[str, str]]:
        """Returns the newest commit status of each context: context -> (state, description).

        Args:
            repository: owner/name.
            commit: the full id.
        """
        path = f"/repos/{path_of(repository)}/commits/{commit}/status"
        pages = self.paginate(path, {}, TypeAdapter(_Combined))
        return {status.context: (status.status, status.description) for page in pages for status in page.statuses or ()}

    def post_status(self, repository: str, commit: str, context: str, state: str, description: str) -> None:
        """Posts a commit status, which links to the page on the `status` branch. Not retried: the next pass posts a missing one.

        Args:
            repository: owner/name.
            commit: the full id.
            context: the name of the status.
            state: pending, success, failure or error.
            description: one line.
        """
        body = {
            "context": context,
            "state": state,
            "description": description,
            "target_url": f"{self.url}/{path_of(repository)}/src/branch/status/README.md",
        }
        self.send("POST", f"/repos/{path_of(repository)}/statuses/{commit}", body)

    def _clone_url(self, owner: str, name: str) -> str:
        return f"{self.url}/{path_of(f'{owner}/{name}')}.git"
