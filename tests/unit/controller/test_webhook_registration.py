from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import structlog.testing

from reconciler.adapters.gitea.webhooks import REPORTED_EVENTS
from reconciler.controller.webhook_registration import WebhookRegistrar
from reconciler.model.errors import AccessDeniedError, ReconcilerError, UnavailableError
from tests.support.fakes import OTHER_WEBHOOKS, OWN_WEBHOOK, WEBHOOK_URL, FakeWebhookForge

SECRET = "canary-of-the-webhook"  # noqa: S105


def registration(wall: FakeWebhookForge, *, every: float = 0.0, retry: float = 0.0) -> WebhookRegistrar:
    return WebhookRegistrar(wall, WEBHOOK_URL, SECRET, every=every, retry=retry)


def test_one_that_is_not_there_is_added_and_others_are_left_alone() -> None:
    wall = FakeWebhookForge()
    registration(wall).ensure("acme/prod")
    assert wall.calls == ["list", "create"]
    assert [(one.url, wall.secrets.get(one.id)) for one in wall.kept] == [(OTHER_WEBHOOKS.url, None), (WEBHOOK_URL, SECRET)]


def test_one_of_an_earlier_process_is_replaced_once_since_its_secret_cannot_be_seen() -> None:
    wall = FakeWebhookForge([OTHER_WEBHOOKS, OWN_WEBHOOK])
    one = registration(wall)
    for _ in range(3):
        one.ensure("acme/prod")
    assert wall.calls == ["list", "create", "delete 2", "list", "list"], "the new one first: nothing is missed in between"
    assert wall.secrets == {11: SECRET}


def test_one_that_was_removed_by_hand_comes_back() -> None:
    wall = FakeWebhookForge()
    one = registration(wall)
    one.ensure("acme/prod")
    wall.kept = [OTHER_WEBHOOKS]
    one.ensure("acme/prod")
    assert [hook.url for hook in wall.kept] == [OTHER_WEBHOOKS.url, WEBHOOK_URL]


@pytest.mark.parametrize(
    "changes",
    [{"active": False}, {"json": False}, {"events": REPORTED_EVENTS - {"status"}}, {"branches": "*"}, {"branches": ""}],
    ids=["active", "json", "events", "branches", "no-branches"],
)
def test_what_can_be_seen_to_differ_is_repaired(changes: dict[str, Any]) -> None:
    wall = FakeWebhookForge()
    one = registration(wall)
    one.ensure("acme/prod")
    wall.kept, wall.calls = [replace(wall.kept[-1], **changes)], []
    one.ensure("acme/prod")
    assert (wall.calls, wall.kept) == (["list", "create", "delete 11"], [replace(OWN_WEBHOOK, id=12)])


def test_a_server_that_shows_less_is_not_asked_for_ever() -> None:
    wall = FakeWebhookForge()
    one = registration(wall)
    one.ensure("acme/prod")
    wall.kept, wall.calls = [replace(wall.kept[-1], branches=None)], []
    one.ensure("acme/prod")
    assert wall.calls == ["list"]


def test_doubles_are_removed() -> None:
    wall = FakeWebhookForge()
    one = registration(wall)
    one.ensure("acme/prod")
    wall.kept = [replace(OWN_WEBHOOK, id=3), *wall.kept, replace(OWN_WEBHOOK, id=14, active=False)]
    one.ensure("acme/prod")
    assert [hook.id for hook in wall.kept] == [1, 11]


def test_what_was_left_when_a_removal_failed_is_removed_later() -> None:
    class Torn(FakeWebhookForge):
        def delete_hook(self, repository: str, hook: int) -> None:
            if self.calls.count("create") == len(self.calls) - 1:
                self.calls.append("torn")
                raise UnavailableError("away")
            super().delete_hook(repository, hook)

    wall = Torn([OWN_WEBHOOK])
    one = registration(wall)
    for _ in range(2):
        one.ensure("acme/prod")
    assert [hook.id for hook in wall.kept] == [11]


def test_it_is_looked_at_only_now_and_then() -> None:
    wall = FakeWebhookForge()
    one = registration(wall, every=3600)
    for _ in range(5):
        one.ensure("acme/prod")
    assert wall.calls == ["list", "create"]


@pytest.mark.parametrize(
    ("trouble", "hint"), [(AccessDeniedError("no"), "admin rights"), (UnavailableError("away"), "is retried")]
)
def test_a_fault_breaks_nothing_and_it_is_tried_again(trouble: ReconcilerError, hint: str) -> None:
    wall = FakeWebhookForge(trouble=trouble)
    one = registration(wall, every=3600)
    with structlog.testing.capture_logs() as told:
        one.ensure("acme/prod")
    assert hint in told[0]["hint"]
    assert SECRET not in str(told)
    wall.trouble = None
    one.ensure("acme/prod")
    assert [hook.url for hook in wall.kept] == [OTHER_WEBHOOKS.url, WEBHOOK_URL]


def test_a_fault_is_not_told_at_every_pass() -> None:
    wall = FakeWebhookForge(trouble=AccessDeniedError("no"))
    one = registration(wall, retry=3600)
    one.ensure("acme/prod")
    one.ensure("acme/prod")
    assert wall.calls == ["list"]
