"""What a repository on Gitea is prepared with: itself, its topic, who may write it, and the rules that protect its branches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter

from reconciler.adapters.gitea.client import Client, path_of
from reconciler.model.errors import AccessDeniedError, NotFoundError
from reconciler.model.layout import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HOW: Final = "CATALYST_GITEA__TOKEN in the environment is used instead of the configured one"


class _Repository(BaseModel):
    archived: bool


class _Topics(BaseModel):
    topics: list[str] | None


class _User(BaseModel):
    login: str


class _Access(BaseModel):
    permission: str
    user: _User


class _Rule(BaseModel):
    """A rule as Gitea writes it; what it says besides its name is for `domain.onboarding.branch_protection` to read."""

    model_config = ConfigDict(extra="allow")

    rule_name: str
    priority: int


class Protection(Client):
    """What is asked to prepare a repository. All of it but `is_archived` needs a token of an administrator of the repository."""

    def is_archived(self, repository: str) -> bool | None:
        """Whether a repository (owner/name) is read-only; None when there is none, or none that the token may see."""
        try:
            return self.read(f"/repos/{path_of(repository)}", {}, TypeAdapter(_Repository)).archived
        except NotFoundError:
            return None

    def create_repository(self, repository: str) -> None:
        """Create an empty private repository (owner/name) whose default branch is `main`, in an organization that is there.

        Raises:
            NotFoundError: there is no such organization.
            AccessDeniedError: the token may not.
        """
        owner, _, name = repository.partition("/")
        body = {"name": name, "private": True, "default_branch": MAIN, "auto_init": False}
        try:
            with _rights("a user who may create repositories there, with the scope write:organization"):
                self.send("POST", f"/orgs/{quote(owner, safe='')}/repos", body)
        except NotFoundError:
            words = f"Gitea has no organization {owner}, or none that this token may see"
            raise NotFoundError(words, "create the organization, or let the user join it") from None

    def topics(self, repository: str) -> tuple[str, ...]:
        """The topics of a repository."""
        return tuple(self.read(f"/repos/{path_of(repository)}/topics", {}, TypeAdapter(_Topics)).topics or ())

    def add_topic(self, repository: str, topic: str) -> None:
        """Add a topic, beside those that are there."""
        with _rights():
            self.send("PUT", f"/repos/{path_of(repository)}/topics/{quote(topic, safe='')}")

    def access(self, repository: str, user: str) -> tuple[str, str]:
        """A user's name as Gitea writes it, and their right: none, read, write, admin or owner.

        Raises:
            NotFoundError: there is no such user.
        """
        path = f"/repos/{path_of(repository)}/collaborators/{quote(user, safe='')}/permission"
        try:
            with _rights():
                found = self.read(path, {}, TypeAdapter(_Access))
        except NotFoundError:
            raise NotFoundError(f"Gitea has no user {user}", "create the reconciler's user, or mend gitea.username") from None
        return found.user.login, found.permission

    def grant_write(self, repository: str, user: str) -> None:
        """Make a user a collaborator who may write."""
        with _rights():
            self.send("PUT", f"/repos/{path_of(repository)}/collaborators/{quote(user, safe='')}", {"permission": "write"})

    def protections(self, repository: str) -> tuple[dict[str, Any], ...]:
        """The branch protection rules in Gitea's words, in the order in which they are tried: the first that matches counts."""
        with _rights():
            rules = self.read(f"/repos/{path_of(repository)}/branch_protections", {}, TypeAdapter(list[_Rule]))
        return tuple(one.model_dump() for one in rules)

    def protect(self, repository: str, rule: str, fields: Mapping[str, Any], *, new: bool) -> None:
        """Create a rule of this name, or change these fields of the one that is there."""
        path = f"/repos/{path_of(repository)}/branch_protections"
        with _rights():
            if new:
                self.send("POST", path, {**fields, "rule_name": rule})
            else:
                self.send("PATCH", f"{path}/{quote(rule)}", fields)


@contextmanager
def _rights(whose: str = "an administrator of the repository") -> Iterator[None]:
    """Say whose token it takes."""
    try:
        yield
    except AccessDeniedError as fault:
        raise AccessDeniedError(fault.message, f"take the token of {whose}: {_HOW}") from None
