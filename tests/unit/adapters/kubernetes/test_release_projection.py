"""What is kept of a HelmRelease."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.kubernetes.release_projection import MAX_PROJECTED_TEXT, UNREADABLE, project
from reconciler.model.canonical import release_digest
from tests.support.canary import CANARY


def test_a_release_keeps_what_readiness_needs_and_nothing_else() -> None:
    item = {
        "metadata": {
            "name": "web",
            "namespace": "flux-system",
            "uid": "1",
            "generation": 3,
            "resourceVersion": "77",
            "managedFields": [{"big": "x"}],
            "labels": {"openova.io/application": "web", "app.kubernetes.io/managed-by": "catalyst-reconciler", "other": "x"},
            "annotations": {"catalyst.openova.io/entry": "e", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": {"suspend": True, "values": {"password": CANARY}},
        "status": {
            "observedGeneration": 3,
            "conditions": [{"type": "Ready", "status": "True"}],
            "lastAttemptedConfigDigest": "d",
            "storageNamespace": "x",
            "history": [
                {"status": "deployed", "ociDigest": "o", "chartVersion": "1", "configDigest": "d", "info": "x"},
                {"status": "old"},
            ],
        },
    }
    assert project(item) == (
        ("flux-system", "web"),
        {
            "metadata": {
                "uid": "1",
                "generation": 3,
                "labels": {"openova.io/application": "web", "app.kubernetes.io/managed-by": "catalyst-reconciler"},
                "annotations": {"catalyst.openova.io/entry": "e"},
            },
            "spec": {"suspend": True},
            "digest": release_digest({"spec": {"suspend": True, "values": {"password": CANARY}}}),
            "status": {
                "observedGeneration": 3,
                "conditions": [{"type": "Ready", "status": "True"}],
                "lastAttemptedConfigDigest": "d",
                "history": [{"status": "deployed", "ociDigest": "o", "chartVersion": "1", "configDigest": "d"}],
            },
        },
    )


def test_a_release_that_says_next_to_nothing_is_kept_as_such() -> None:
    key, release = project({"metadata": {"name": "web", "namespace": "ns", "labels": None}, "spec": None, "status": None})
    assert key == ("ns", "web")
    assert release == {
        "metadata": {"labels": {}, "annotations": {}},
        "spec": {"suspend": False},
        "digest": release_digest({}),
        "status": {},
    }


@pytest.mark.parametrize("status", [{"history": {}}, {"history": [5]}, {"history": 5}, 5])
def test_a_release_of_an_odd_shape_is_kept_as_far_as_it_makes_sense(status: Any) -> None:
    _, release = project(
        {"metadata": {"name": "web", "namespace": "ns", "labels": ["x"], "annotations": 5}, "spec": [], "status": status}
    )
    assert (release["metadata"]["labels"], release["metadata"]["annotations"], release["spec"]) == ({}, {}, {"suspend": False})
    assert release["status"].get("history", [{}]) == [{}]


def test_a_condition_keeps_its_words_but_no_more_text_than_is_ever_quoted() -> None:
    conditions = [{"type": "Ready", "status": "False", "message": "x" * 40_000, "odd": [1]}, "none", None]
    _, release = project({"metadata": {"name": "web", "namespace": "ns"}, "status": {"conditions": conditions}})
    kept = release["status"]["conditions"]
    assert kept == [{"type": "Ready", "status": "False", "message": "x" * MAX_PROJECTED_TEXT, "odd": "malformed"}, None, None]


def nested(depth: int) -> Any:
    """Lists in lists, made without recursion."""
    data: Any = 1
    for _ in range(depth):
        data = [data]
    return data


@pytest.mark.parametrize("depth", [10, 5_000])
def test_nothing_nested_is_kept_but_in_the_digest_and_what_is_too_deep_for_that_is_unreadable(depth: int) -> None:
    metadata = {"name": "web", "namespace": "ns", "uid": nested(depth), "labels": {"openova.io/x": nested(depth)}}
    status = {
        "conditions": [{"type": nested(depth)}, nested(depth)],
        "observedGeneration": nested(depth),
        "history": [nested(depth)],
    }
    _, release = project({"metadata": metadata, "spec": {"suspend": nested(depth)}, "status": status})
    if depth > 1_000:
        assert release is UNREADABLE
        return
    assert release["metadata"] == {"uid": "malformed", "labels": {"openova.io/x": "malformed"}, "annotations": {}}
    assert release["status"] == {"conditions": [{"type": "malformed"}, None], "observedGeneration": "malformed", "history": [{}]}
    assert release["spec"] == {"suspend": "malformed"}


def test_a_list_where_conditions_should_be_readable_is_not_taken_for_none() -> None:
    _, release = project({"metadata": {"name": "web", "namespace": "ns"}, "status": {"conditions": {"a": 1}}})
    assert release["status"] == {"conditions": "malformed"}
