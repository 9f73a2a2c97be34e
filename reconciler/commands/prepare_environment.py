"""Prepares an Environment's repository on the forge, step by step. Existing content is not changed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from reconciler.adapters.gitea.webhooks import REQUESTED_EVENTS, is_as_configured
from reconciler.domain.onboarding.branch_protection import required_changes
from reconciler.domain.onboarding.scaffold import CLUSTER_HINT, README_FILE, environment_of, readme
from reconciler.formats.yaml import documents
from reconciler.model.errors import RejectedError
from reconciler.model.layout import ENVIRONMENT_FILE, MAIN, WANTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.forge import Webhook
    from reconciler.services.repository.ports import GitRepository

StepResult = Literal["created", "changed", "as it was", "missing"]
_MAY_NOT_WRITE: Final = frozenset({"none", "read"})


class PreparationForge(Protocol):
    """The calls to a forge that the preparation needs; `adapters.gitea.Gitea` in production."""

    def is_archived(self, repository: str) -> bool | None:
        """Whether the repository is archived; None when it does not exist."""

    def create_repository(self, repository: str) -> None:
        """Create an empty repository."""

    def access(self, repository: str, user: str) -> tuple[str, str]:
        """A user's name as the forge writes it, and their permission."""

    def grant_write(self, repository: str, user: str) -> None:
        """Grant a user the permission to write."""

    def protections(self, repository: str) -> Sequence[Mapping[str, Any]]:
        """The branch protection rules, in the order of their evaluation."""

    def protect(self, repository: str, rule: str, fields: Mapping[str, Any], *, new: bool) -> None:
        """Create or change a branch protection rule."""

    def topics(self, repository: str) -> Sequence[str]:
        """The repository's topics."""

    def webhooks(self, repository: str) -> Sequence[Webhook]:
        """The repository's webhooks, the oldest first."""

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        """Create a webhook; return its id."""

    def add_topic(self, repository: str, topic: str) -> None:
        """Add a topic."""


@dataclass(frozen=True)
class PreparationStep:
    """One part of an Environment's repository, and what was done about it. `missing` parts are left to people."""

    name: str
    result: StepResult
    detail: str = ""


@dataclass(frozen=True)
class PreparationRequest:
    """The repository to prepare.

    Attributes:
        forge: its forge.
        clone: its clone; the repository may not exist yet.
        repository: owner/name.
        user: the user who pushes for the reconciler.
        topic: the topic by which the reconciler discovers it.
        webhook: the url for deliveries, and the secret that signs them; None when the reconciler has no address.
        clusters: the placements for a new Environment, which `domain.onboarding.scaffold` has validated.
    """

    forge: PreparationForge
    clone: GitRepository
    repository: str
    user: str
    topic: str
    webhook: tuple[str, str] | None
    clusters: Sequence[str]


def prepare_environment(request: PreparationRequest) -> Iterator[PreparationStep]:
    """Run and yield each step. The topic is last, because by it the reconciler discovers the repository.

    Raises:
        RejectedError: the repository is archived, or the forge did not store a rule.
        ReconcilerError: the forge could not be read or written.
    """
    is_archived = request.forge.is_archived(request.repository)
    if is_archived:
        raise RejectedError(f"{request.repository} is archived", "unarchive it")
    heads = {} if is_archived is None else request.clone.heads()
    if MAIN not in heads and not request.clusters:
        yield PreparationStep(
            MAIN, "missing", f"give --placement CLUSTER, from which {ENVIRONMENT_FILE} is written; {CLUSTER_HINT}"
        )
        return
    if is_archived is None:
        request.forge.create_repository(request.repository)
    yield PreparationStep("repository", "as it was" if is_archived is not None else "created")
    yield _main(request, heads)
    for step in (_protection, _webhook, _topic):
        yield from step(request)


def _main(request: PreparationRequest, heads: Mapping[str, str]) -> PreparationStep:
    """Write the first commit of `main`, if there is no `main`."""
    if MAIN in heads:
        request.clone.fetch({MAIN: heads[MAIN]})
        if ENVIRONMENT_FILE in request.clone.read(heads[MAIN], WANTED).files:
            return PreparationStep(MAIN, "as it was")
        return PreparationStep(
            MAIN, "missing", f"it has no {ENVIRONMENT_FILE}, and existing branches are not changed: add the file"
        )
    document, _ = environment_of(request.clusters)
    files = {ENVIRONMENT_FILE: documents.dump(document or {}), README_FILE: readme(request.repository).encode()}
    message = f"Begin the Environment {request.repository.rpartition('/')[2]}\n"
    commit = request.clone.write(files, parent=None, message=message, time=int(time.time()))
    request.clone.push(commit.id, MAIN, expect=None)
    return PreparationStep(MAIN, "created", ", ".join(files))


def _protection(request: PreparationRequest) -> Iterator[PreparationStep]:
    """Grant access and protect the branches; read the rules back, since the forge may drop fields."""
    user, permission = request.forge.access(request.repository, request.user)
    if permission in _MAY_NOT_WRITE:  # the forge silently drops users without write permission from its rules
        request.forge.grant_write(request.repository, user)
    yield PreparationStep("access", "as it was" if permission not in _MAY_NOT_WRITE else "changed", f"{user} may write")
    for change in required_changes(request.forge.protections(request.repository), user):
        if change.fields:
            request.forge.protect(request.repository, change.rule, change.fields, new=change.new)
        result: StepResult = "as it was" if not change.fields else "created" if change.new else "changed"
        yield PreparationStep(f"protection of {change.rule}", result, ", ".join(change.changed))
    for change in required_changes(request.forge.protections(request.repository), user):
        if change.fields:
            message = f"the forge does not store the protection of {change.rule}: {', '.join(change.changed or change.fields)}"
            raise RejectedError(message, f"make {user} a collaborator who may write {request.repository}")


def _webhook(request: PreparationRequest) -> Iterator[PreparationStep]:
    """Create the webhook. Its secret cannot be read back; the reconciler replaces the webhook when it starts."""
    if request.webhook is None:
        return
    url, secret = request.webhook
    exists = any(hook.url == url and is_as_configured(hook) for hook in request.forge.webhooks(request.repository))
    if not exists:
        request.forge.create_hook(request.repository, url, secret, REQUESTED_EVENTS, MAIN)
    yield PreparationStep("webhook", "as it was" if exists else "created", url)


def _topic(request: PreparationRequest) -> Iterator[PreparationStep]:
    exists = request.topic in request.forge.topics(request.repository)
    if not exists:
        request.forge.add_topic(request.repository, request.topic)
    yield PreparationStep("topic", "as it was" if exists else "created", request.topic)
