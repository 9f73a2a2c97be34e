from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.controller.webhook_handler import (
    ACCEPTED,
    DENIED,
    DUPLICATE,
    IGNORED,
    MALFORMED,
    MAX_SEEN,
    SEEN_FOR,
    TOO_LARGE,
    UNKNOWN,
    WRONG_TYPE,
    WebhookHandler,
)
from tests.support.webhook_deliveries import PUSH, SECRET, headed, sign

if TYPE_CHECKING:
    from reconciler.adapters.http_server import WebhookResponse


class Bell:
    """What is woken and counted."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.counted: list[str] = []
        self.now = 100.0
        self.door = WebhookHandler(SECRET, self.wake, self.counted.append, lambda: self.now)

    def wake(self, repository: str) -> bool:
        self.rung.append(repository)
        return repository == "acme/prod"

    def send(self, body: bytes = PUSH, *, id_: str = "1", event: str = "push", **headers: str) -> WebhookResponse:
        given = headed(body, id_=id_, event=event) | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.door.precheck(given) or self.door.handle(given, body)


@pytest.fixture
def bell() -> Bell:
    return Bell()


def test_a_signed_delivery_wakes_its_repository(bell: Bell) -> None:
    assert bell.send() == ACCEPTED
    assert (bell.rung, bell.counted) == (["acme/prod"], ["accepted"])


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "0" * 64,
        sign(PUSH)[:-1],
        sign(PUSH)[:-1] + " ",
        sign(PUSH).upper(),
        "sha256=" + sign(PUSH),
        sign(PUSH, "another secret of deliveries"),
        sign(PUSH, ""),
        sign(b""),
        sign(PUSH + b" "),
        "ü" * 64,
        "é" + sign(PUSH)[1:],
        "\x00" * 64,
    ],
)
def test_any_other_signature_is_denied(bell: Bell, signature: str) -> None:
    assert bell.send(X_Gitea_Signature=signature) == DENIED
    assert (bell.rung, bell.counted) == ([], ["denied"])


def test_without_a_signature_the_body_is_not_even_asked_for(bell: Bell) -> None:
    given = headed(PUSH)
    del given["X-Gitea-Signature"]
    assert bell.door.precheck(given) == DENIED


def test_a_body_that_nobody_signed_is_not_looked_into(bell: Bell) -> None:
    assert bell.send(b"[" * 100_000, X_Gitea_Signature="0" * 64) == DENIED
    assert bell.send(b"[" * 100_000) == MALFORMED


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "", "text/plain", "application/jsonp"])
def test_a_form_is_refused(bell: Bell, kind: str) -> None:
    assert bell.send(Content_Type=kind) == WRONG_TYPE
    assert bell.counted == ["wrong type"]


def test_json_may_say_its_charset(bell: Bell) -> None:
    assert bell.send(Content_Type="Application/JSON; charset=utf-8") == ACCEPTED


def test_one_that_is_too_large_is_counted(bell: Bell) -> None:
    assert bell.door.handle(headed(PUSH), None) == TOO_LARGE
    assert bell.counted == ["too large"]


def test_a_replayed_delivery_wakes_nobody(bell: Bell) -> None:
    assert [bell.send(), bell.send(), bell.send()] == [ACCEPTED, DUPLICATE, DUPLICATE]
    assert bell.rung == ["acme/prod"]


def test_one_that_people_have_sent_again_wakes(bell: Bell) -> None:
    assert [bell.send(id_="1"), bell.send(id_="2")] == [ACCEPTED, ACCEPTED]


def test_a_forged_id_keeps_no_other_delivery_away(bell: Bell) -> None:
    other = PUSH + b" "
    assert [bell.send(other, id_="1"), bell.send(PUSH, id_="1")] == [ACCEPTED, ACCEPTED]


def test_one_that_is_denied_does_not_count_as_seen(bell: Bell) -> None:
    assert [bell.send(X_Gitea_Signature="0" * 64), bell.send()] == [DENIED, ACCEPTED]


def test_what_was_seen_is_forgotten_in_time_and_within_a_bound(bell: Bell) -> None:
    assert bell.send() == ACCEPTED
    bell.now += SEEN_FOR - 1
    assert bell.send() == DUPLICATE
    bell.now += SEEN_FOR
    assert bell.send() == ACCEPTED
    for n in range(MAX_SEEN):
        assert bell.send(id_=f"other {n}") == ACCEPTED
    assert bell.send() == ACCEPTED


@pytest.mark.parametrize(
    ("event", "said", "answer"),
    [
        ("push", {"ref": "refs/heads/status"}, IGNORED),
        ("release", {}, IGNORED),
        ("push", {"ref": "refs/heads/main", "repository": {"full_name": "acme/elsewhere"}}, UNKNOWN),
        ("push", {"repository": {}}, MALFORMED),
        ("pull_request", {}, ACCEPTED),
    ],
)
def test_what_is_no_push_to_main(bell: Bell, event: str, said: dict[str, Any], answer: WebhookResponse) -> None:
    body = json.dumps({"repository": {"full_name": "Acme/Prod"}, **said}).encode()
    assert bell.send(body, event=event) == answer
    assert bell.counted == [answer.message], "and no name of anybody's is a label"
