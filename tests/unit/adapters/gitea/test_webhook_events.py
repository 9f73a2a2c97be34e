from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.gitea.webhook_events import changed_repository

MAIN = {"ref": "refs/heads/main"}


def body(**said: Any) -> bytes:
    return json.dumps({"repository": {"full_name": "Acme/Acme-Prod", "private": True}, **said}).encode()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("push", MAIN),
        ("pull_request", {"action": "opened"}),
        ("pull_request", {"action": "synchronized"}),
        ("pull_request_approved", {"action": "reviewed"}),
        ("pull_request_rejected", {"action": "reviewed"}),
        ("pull_request_comment", {"action": "reviewed"}),
        ("status", {"context": "re-score", "state": "success"}),
    ],
)
def test_what_calls_for_a_look(event: str, said: dict[str, Any]) -> None:
    assert changed_repository(event, body(**said)) == "acme/acme-prod"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("push", {"ref": "refs/heads/resolved"}),
        ("push", {"ref": "refs/heads/status"}),
        ("push", {"ref": "refs/heads/plan/pr-7"}),
        ("push", {"ref": "refs/tags/main"}),
        ("push", {}),
        ("status", {"context": "catalyst/ready"}),
        ("status", {"context": "catalyst/plan"}),
        ("status", {"context": "ci/build"}),
        ("status", {}),
        ("issues", MAIN),
        ("issue_comment", MAIN),
        ("", MAIN),
        ("PUSH", MAIN),
    ],
)
def test_what_the_reconciler_writes_and_what_is_of_no_interest_makes_no_work(event: str, said: dict[str, Any]) -> None:
    assert changed_repository(event, body(**said)) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"repository": null}',
        b'{"repository": {"full_name": ""}}',
        b'{"repository": {"full_name": 7}}',
        b'{"repository": {"full_name": "' + b"a" * 600 + b'"}}',
        b'{"ref": 7, "repository": {"full_name": "a/b"}}',
        b"payload=%7B%7D",
        b"[" * 100_000,
        b'{"repository":' * 50_000,
        b"\xff\xfe",
    ],
)
def test_what_gitea_would_never_send_is_malformed(text: bytes) -> None:
    with pytest.raises(ValueError, match="a delivery is a JSON object") as caught:
        changed_repository("push", text)
    assert len(str(caught.value)) < 200


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps))
def test_nothing_else_is_raised(text: bytes | str) -> None:
    try:
        found = changed_repository("push", text.encode() if isinstance(text, str) else text)
    except ValueError:
        return
    assert found is None
