"""The word published for each kind of failure: conditions and JSON carry it, so that no class may change it with its own name."""

from __future__ import annotations

import pytest

from reconciler.model import faults
from reconciler.world.registry_answers import RetryableError

WORDS = {
    faults.ReconcilerError: "Fault",
    faults.UnavailableError: "Unavailable",
    faults.AccessDeniedError: "Denied",
    faults.NotFoundError: "Missing",
    faults.IntegrityError: "Corrupt",
    faults.UntrustedError: "Untrusted",
    faults.ConcurrentUpdateError: "Moved",
    faults.RejectedError: "Rejected",
    faults.ConfigurationError: "Misconfigured",
}


@pytest.mark.parametrize(("kind", "word"), WORDS.items(), ids=WORDS.values())
def test_each_kind_of_failure_is_published_under_its_word(kind: type[faults.ReconcilerError], word: str) -> None:
    assert kind("something failed").reason == word


def test_each_kind_of_the_tree_has_a_word_of_its_own() -> None:
    assert set(WORDS) == {faults.ReconcilerError, *(kind for kind in faults.ReconcilerError.__subclasses__())}
    assert all("reason" in vars(kind) for kind in WORDS)


def test_a_finer_kind_is_published_under_the_word_of_its_kind() -> None:
    assert RetryableError("no answer").reason == "Unavailable"
