"""The word published for each kind of failure: conditions and JSON carry it, so that no class may change it with its own name."""

from __future__ import annotations

import pytest

from reconciler.adapters.registry.responses import RetryableError
from reconciler.model import errors

WORDS = {
    errors.ReconcilerError: "Fault",
    errors.UnavailableError: "Unavailable",
    errors.AccessDeniedError: "Denied",
    errors.NotFoundError: "Missing",
    errors.IntegrityError: "Corrupt",
    errors.UntrustedError: "Untrusted",
    errors.ConcurrentUpdateError: "Moved",
    errors.RejectedError: "Rejected",
    errors.ConfigurationError: "Misconfigured",
}


@pytest.mark.parametrize(("kind", "word"), WORDS.items(), ids=WORDS.values())
def test_each_kind_of_failure_is_published_under_its_word(kind: type[errors.ReconcilerError], word: str) -> None:
    assert kind("something failed").reason == word


def test_each_kind_of_the_tree_has_a_word_of_its_own() -> None:
    assert set(WORDS) == {errors.ReconcilerError, *(kind for kind in errors.ReconcilerError.__subclasses__())}
    assert all("reason" in vars(kind) for kind in WORDS)


def test_a_finer_kind_is_published_under_the_word_of_its_kind() -> None:
    assert RetryableError("no answer").reason == "Unavailable"
