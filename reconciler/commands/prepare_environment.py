"""Preparing an Environment's repository on the forge, step by step; what is there already is left as it is."""

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


class InitForge(Protocol):
    """What preparing needs of a forge; `adapters.gitea.Gitea` in production."""

    def is_archived(self, repository: str) -> bool | None:
        """Whether it is read-only; None when there is none."""

    def create_repository(self, repository: str) -> None:
        """Create it, empty."""

    def access(self, repository: str, user: str) -> tuple[str, str]:
        """A user's name as the forge writes it, and their right."""

    def grant_write(self, repository: str, user: str) -> None:
        """Let a user write."""

    def protections(self, repository: str) -> Sequence[Mapping[str, Any]]:
        """The rules, in the order in which they are tried."""

    def protect(self, repository: str, rule: str, fields: Mapping[str, Any], *, new: bool) -> None:
        """Create or change one."""

    def topics(self, repository: str) -> Sequence[str]:
        """Its topics."""

    def hooks(self, repository: str) -> Sequence[Webhook]:
        """Its webhooks, the oldest first."""

    def create_hook(self, repository: str, url: str, secret: str, events: Iterable[str], branches: str) -> int:
        """Add one; its id."""

    def add_topic(self, repository: str, topic: str) -> None:
        """Add one."""


@dataclass(frozen=True)
class PreparationStep:
    """One thing that an Environment's repository needs, and what was done about it; `missing` is for people to do."""

    name: str
    what: StepResult
    detail: str = ""


@dataclass(frozen=True)
class PreparationRequest:
    """What is prepared.

    Attributes:
        forge: where.
        clone: of the repository, which may not be there yet.
        repository: owner/name.
        user: as whom the reconciler pushes.
        topic: by which the reconciler finds it.
        webhook: the url that deliveries go to, and what they are signed with; None when the reconciler has no address.
        clusters: where the Environment is placed, should it have to be written; `domain.onboarding.scaffold` has no problem with
            them.
    """

    forge: InitForge
    clone: GitRepository
    repository: str
    user: str
    topic: str
    webhook: tuple[str, str] | None
    clusters: Sequence[str]


def prepare_environment(here: PreparationRequest) -> Iterator[PreparationStep]:
    """Take each step and tell of it. The topic is last: by it the reconciler takes the repository on.

    Raises:
        RejectedError: the repository is archived, or the forge does not keep a rule.
        ReconcilerError: the forge could not be asked, or does not let us.
    """
    archived = here.forge.is_archived(here.repository)
    if archived:
        raise RejectedError(f"{here.repository} is archived", "take it out of the archive")
    heads = {} if archived is None else here.clone.heads()
    if MAIN not in heads and not here.clusters:
        yield PreparationStep(MAIN, "missing", f"give --placement CLUSTER, of which to write {ENVIRONMENT_FILE}; {CLUSTER_HINT}")
        return
    if archived is None:
        here.forge.create_repository(here.repository)
    yield PreparationStep("repository", "as it was" if archived is not None else "created")
    yield _main(here, heads)
    for step in (_protection, _webhook, _topic):
        yield from step(here)


def _main(here: PreparationRequest, heads: Mapping[str, str]) -> PreparationStep:
    if MAIN in heads:
        here.clone.fetch({MAIN: heads[MAIN]})
        if ENVIRONMENT_FILE in here.clone.read(heads[MAIN], WANTED).files:
            return PreparationStep(MAIN, "as it was")
        return PreparationStep(MAIN, "missing", f"it has no {ENVIRONMENT_FILE}, and what people wrote is not touched: add one")
    document, _ = environment_of(here.clusters)
    files = {ENVIRONMENT_FILE: documents.dump(document or {}), README_FILE: readme(here.repository).encode()}
    message = f"Begin the Environment {here.repository.rpartition('/')[2]}\n"
    commit = here.clone.write(files, parent=None, message=message, time=int(time.time()))
    here.clone.push(commit.id, MAIN, expect=None)
    return PreparationStep(MAIN, "created", ", ".join(files))


def _protection(here: PreparationRequest) -> Iterator[PreparationStep]:
    user, right = here.forge.access(here.repository, here.user)
    if right in _MAY_NOT_WRITE:  # the forge drops who may not write from its rules, without a word
        here.forge.grant_write(here.repository, user)
    yield PreparationStep("access", "as it was" if right not in _MAY_NOT_WRITE else "changed", f"{user} may write")
    for one in required_changes(here.forge.protections(here.repository), user):
        if one.fields:
            here.forge.protect(here.repository, one.rule, one.fields, new=one.new)
        what: StepResult = "as it was" if not one.fields else "created" if one.new else "changed"
        yield PreparationStep(f"protection of {one.rule}", what, ", ".join(one.changed))
    for one in required_changes(here.forge.protections(here.repository), user):
        if one.fields:
            words = f"the forge does not keep the protection of {one.rule}: {', '.join(one.changed or one.fields)}"
            raise RejectedError(words, f"make {user} a collaborator who may write {here.repository}")


def _webhook(here: PreparationRequest) -> Iterator[PreparationStep]:
    """Whether its secret is the right one cannot be seen; the reconciler replaces it when it starts."""
    if here.webhook is None:
        return
    url, secret = here.webhook
    there = any(hook.url == url and is_as_configured(hook) for hook in here.forge.hooks(here.repository))
    if not there:
        here.forge.create_hook(here.repository, url, secret, REQUESTED_EVENTS, MAIN)
    yield PreparationStep("webhook", "as it was" if there else "created", url)


def _topic(here: PreparationRequest) -> Iterator[PreparationStep]:
    there = here.topic in here.forge.topics(here.repository)
    if not there:
        here.forge.add_topic(here.repository, here.topic)
    yield PreparationStep("topic", "as it was" if there else "created", here.topic)
