"""Each product of what one push may have is bounded before it is multiplied, with words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.domain.blocker import Refused
from reconciler.domain.desired_state import DesiredState, compute_desired_state
from reconciler.domain.rendering.budget import MAX_LOCK_BYTES, MAX_RELEASES, MAX_RENDERED_BYTES, MAX_STORED_BYTES
from reconciler.domain.rendering.flux_objects import RenderContext
from reconciler.domain.validation.environment import MAX_PLACEMENTS
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.git import OWN_LIMITS, Snapshot
from reconciler.services.planning.namespace_claims import sole_claim
from tests.support.builders import BlueprintCatalog, blueprint
from tests.support.environment_files import application, environment

if TYPE_CHECKING:
    from reconciler.model.problem import Problem


def pushed(applications: int, placements: int, config_bytes: int) -> DesiredState | Refused:
    clusters = tuple(f"p{number}-fsn-rtz-prod-acme" for number in range(placements))
    config = f"  config: {{blob: {'x' * config_bytes}}}\n" if config_bytes else ""
    files = {"environment.yaml": environment(clusters=clusters).encode()}
    files |= {f"applications/a{number}.yaml": application(f"a{number}", more=config).encode() for number in range(applications)}
    identity = EnvironmentIdentity("acme-prod")
    catalog = BlueprintCatalog(blueprint("shop", "1.0.0"))
    snapshot = Snapshot("0" * 40, files, ())
    state = compute_desired_state(snapshot, identity, None, catalog, RenderContext("acme", {}), sole_claim(identity).acquire)
    assert isinstance(state, DesiredState | Refused), state
    return state


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((1, 5000, 0), f"5000 placements; an Environment has at most {MAX_PLACEMENTS}"),
        (
            (300, 100, 0),
            f"300 Applications on up to 100 placements are 30000 HelmReleases; an Environment has at most {MAX_RELEASES}",
        ),
        ((10, 20, 900_000), "the values of all Applications, once for each of their placements, have 171 MiB; at most 64 MiB"),
        ((40, 1, 900_000), "the values of all Applications have 34 MiB; the lock holds at most 24 MiB"),
    ],
)  # fmt: skip
def test_what_would_be_too_much_is_refused_with_words_and_without_being_made(size: tuple[int, int, int], words: str) -> None:
    started = time.process_time()
    state = pushed(*size)
    assert isinstance(state, Refused)
    (problem,) = state.problems
    assert (problem.code, problem.file) == ("TooMany", "environment.yaml")
    assert words in problem.message
    assert problem.hint
    assert time.process_time() - started < 20


def refused_config(config: str) -> list[Problem]:
    files = {"environment.yaml": environment().encode(), "applications/a0.yaml": application("a0", more=config).encode()}
    identity = EnvironmentIdentity("acme-prod")
    catalog = BlueprintCatalog(blueprint("shop", "1.0.0"))
    context = RenderContext("acme", {})
    state = compute_desired_state(Snapshot("0" * 40, files, ()), identity, None, catalog, context, sole_claim(identity).acquire)
    return list(state.problems) if isinstance(state, Refused) else []


@pytest.mark.parametrize(("text", "most"), [("x", MAX_STORED_BYTES // 2), ("<", MAX_STORED_BYTES // 12)])
def test_what_an_api_server_cannot_store_is_refused_at_its_application(text: str, most: int) -> None:
    """etcd takes 1.5 MiB in one request. A document is smaller; aliases, and `<` as Go writes it in JSON, let it grow."""
    config = "  config: {{a: &a '{}', b: *a}}\n".format
    assert refused_config(config(text * (most - 100))) == []
    (problem,) = refused_config(config(text * most))
    assert (problem.code, problem.file, problem.line) == ("TooLarge", "applications/a0.yaml", 3)
    assert "an API server stores at most 1408 KiB" in problem.message
    assert problem.hint


def test_the_names_of_fields_count_twice() -> None:
    """An API server stores the owner of each field beside it."""
    names = "".join(f"    field-with-a-long-name-{number:06}: 1\n" for number in range(25_000))
    assert [problem.code for problem in refused_config(f"  config:\n{names}")] == ["TooLarge"]


@pytest.mark.parametrize("size", [(1, MAX_PLACEMENTS, 0), (20, 20, 1000), (3, 3, 500_000)])
def test_what_is_within_the_limits_is_rendered_and_can_be_read_again(size: tuple[int, int, int]) -> None:
    state = pushed(*size)
    assert isinstance(state, DesiredState), state
    assert len(state.files["environment.lock.yaml"]) < OWN_LIMITS.file


def test_the_limits_fit_together() -> None:
    assert OWN_LIMITS.file > MAX_LOCK_BYTES
    assert OWN_LIMITS.total >= MAX_RENDERED_BYTES


def test_the_largest_is_named() -> None:
    state = pushed(2, 100, 400_000)
    assert isinstance(state, Refused)
    assert "the most are those of a1: 400012 bytes on 100 placements" in state.problems[0].message
