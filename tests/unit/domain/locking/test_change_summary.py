"""What a new lock changes, said to people."""

from __future__ import annotations

from reconciler.domain.locking.change_summary import change_lines, resolved_commit_message
from tests.support.builders import lock_of, package, sha


def test_each_added_changed_or_removed_application_is_a_line() -> None:
    before = lock_of(package("gone"), package("moved"), package("set"), package("same"))
    after = lock_of(package("moved", "1.1.0"), package("new"), package("set", values={"a": 1}), package("same"))
    assert change_lines(before, after) == (
        "- gone: bp-gone 1.0.0 is uninstalled",
        "~ moved: bp-moved 1.0.0 -> 1.1.0",
        "+ new: bp-new 1.0.0",
        "~ set: bp-set 1.0.0, other values",
    )


def test_everything_is_new_where_there_was_no_lock() -> None:
    assert change_lines(None, lock_of(package("a"))) == ("+ a: bp-a 1.0.0",)


def test_a_commit_that_changes_nothing_that_runs_says_why_it_is_there() -> None:
    before, anew = lock_of(package("a")), [package("a").evidence[0].model_copy(update={"authority": "another"})]
    text = resolved_commit_message("acme-prod", "abc123", before, lock_of(package("a", evidence=anew)), sha("lock"), "sha256:i")
    assert text.startswith("acme-prod: 1 Applications, signatures re-verified\n")


def test_evidence_alone_is_no_change_of_what_runs() -> None:
    after = package("a", evidence=[package("a").evidence[0].model_copy(update={"policy_digest": sha("another policy")})])
    assert change_lines(lock_of(package("a")), lock_of(after)) == ()


def test_the_commit_message_carries_the_trailers() -> None:
    text = resolved_commit_message("acme-prod", "abc123", None, lock_of(package("a"), package("b")), sha("lock"), "sha256:i")
    assert text == (
        "acme-prod: 2 of 2 Applications change\n\n+ a: bp-a 1.0.0\n+ b: bp-b 1.0.0\n\n"
        f"Input-Commit: abc123\nInput-Digest: sha256:i\nLock-Digest: {sha('lock')}\n"
    )


def test_a_commit_that_changes_no_application_says_so() -> None:
    lock = lock_of(package("a"))
    text = resolved_commit_message("acme-prod", "abc123", lock, lock, sha("lock"), "sha256:i")
    assert text == (
        f"acme-prod: 1 Applications, rendered again\n\nInput-Commit: abc123\nInput-Digest: sha256:i\nLock-Digest: {sha('lock')}\n"
    )
