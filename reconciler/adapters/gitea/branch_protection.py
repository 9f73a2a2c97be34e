"""Prepares a repository on Gitea: its creation, its topic, write access, and the rules that protect its branches."""

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

_ADMIN_HINT: Final = "CATALYST_GITEA__TOKEN in the environment is used instead of the configured one"


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
    """A rule in Gitea's format; `domain.onboarding.branch_protection` interprets its other fields."""

    model_config = ConfigDict(extra="allow")

    rule_name: str
    priority: int


class Protection(Client):
    """The endpoints that prepare a repository. All except `is_archived` need the token of an administrator of the repository."""

    def is_archived(self, repository: str) -> bool | None:
        """Whether a repository (owner/name) is read-only; None when it does not exist or the token may not see it."""
        try:
            return self.read(f"/repos/{path_of(repository)}", {}, TypeAdapter(_Repository)).archived
        except NotFoundError:
            return None

    def create_repository(self, repository: str) -> None:
        """Creates an empty private repository (owner/name) with the default branch `main`, in an existing organization.

        Raises:
            NotFoundError: the organization does not exist.
            AccessDeniedError: the token lacks the right to create repositories there.
        """
        owner, _, name = repository.partition("/")
        body = {"name": name, "private": True, "default_branch": MAIN, "auto_init": False}
        try:
            with _rights("a user who may create repositories there, with the scope write:organization"):
                self.send("POST", f"/orgs/{quote(owner, safe='')}/repos", body)
        except NotFoundError:
            message = f"Gitea has no organization {owner}, or none that this token may see"
            raise NotFoundError(message, "create the organization, or let the user join it") from None

    def topics(self, repository: str) -> tuple[str, ...]:
        """Returns the topics of a repository."""
        return tuple(self.read(f"/repos/{path_of(repository)}/topics", {}, TypeAdapter(_Topics)).topics or ())

    def add_topic(self, repository: str, topic: str) -> None:
        """Adds a topic to the existing ones."""
        with _rights():
            self.send("PUT", f"/repos/{path_of(repository)}/topics/{quote(topic, safe='')}")

    def access(self, repository: str, user: str) -> tuple[str, str]:
        """Returns a user's name as Gitea writes it, and their permission: none, read, write, admin or owner.

        Raises:
            NotFoundError: the user does not exist.
        """
        path = f"/repos/{path_of(repository)}/collaborators/{quote(user, safe='')}/permission"
        try:
            with _rights():
                access = self.read(path, {}, TypeAdapter(_Access))
        except NotFoundError:
            raise NotFoundError(f"Gitea has no user {user}", "create the reconciler's user, or correct gitea.username") from None
        return access.user.login, access.permission

    def grant_write(self, repository: str, user: str) -> None:
        """Grants a user write access as a collaborator."""
        with _rights():
            self.send("PUT", f"/repos/{path_of(repository)}/collaborators/{quote(user, safe='')}", {"permission": "write"})

    def protections(self, repository: str) -> tuple[dict[str, Any], ...]:
        """Returns the branch protection rules in Gitea's format, in order of priority: the first that matches applies."""
        with _rights():
            rules = self.read(f"/repos/{path_of(repository)}/branch_protections", {}, TypeAdapter(list[_Rule]))
        return tuple(rule.model_dump() for rule in rules)

    def protect(self, repository: str, rule: str, fields: Mapping[str, Any], *, new: bool) -> None:
        """Creates a rule of this name, or changes these fields of the existing one."""
        path = f"/repos/{path_of(repository)}/branch_protections"
        with _rights():
            if new:
                self.send("POST", path, {**fields, "rule_name": rule})
            else:
                self.send("PATCH", f"{path}/{quote(rule)}", fields)


@contextmanager
def _rights(whose: str = "an administrator of the repository") -> Iterator[None]:
    """Adds to an AccessDeniedError whose token is required."""
    try:
        yield
    except AccessDeniedError as error:
        raise AccessDeniedError(error.message, f"use the token of {whose}: {_ADMIN_HINT}") from None
