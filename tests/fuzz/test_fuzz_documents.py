"""A damaged document is refused in our words, or goes through every later stage: no stage meets what the first one let in."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.commands.json_schemas import DOCUMENTS as KINDS
from reconciler.commands.validate import validate_text
from reconciler.domain.admission.change_window import window_at
from reconciler.domain.admission.environment_policies import environment_policies
from reconciler.domain.blueprints.blueprint_rules import blueprint_defects
from reconciler.domain.locking.lock_builder import build_lock
from reconciler.domain.rendering.flux_objects import RenderContext, render
from reconciler.domain.resolution.resolver import resolve
from reconciler.domain.validation.document_parser import kind_of, parse_document
from reconciler.domain.validation.environment import validate
from reconciler.domain.values.application_values import application_values, config_schema_problem
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.blueprint import Blueprint
from reconciler.model.lock import EnvironmentLock
from reconciler.model.policy import WindowRule
from tests.fuzz.mutations import FUZZ, mutated, pieces, seeds
from tests.support.builders import SOVEREIGN, BlueprintCatalog, environment, lock_of, package, source

if TYPE_CHECKING:
    from pydantic import BaseModel

    from reconciler.model.source import Source

DOCUMENTS = seeds("blueprint.yaml", "environment.yaml", "applications/*.yaml")
BLUEPRINTS = seeds("blueprint.yaml")
POLICIES = seeds("policies/*.yaml")
APPLICATIONS = seeds("applications/*.yaml")
ENVIRONMENTS = seeds("environment.yaml")
LOCK = dump(lock_of(package("shop", depends_on=["db"]), package("db")).model_dump(mode="json", by_alias=True))
STATUS = dump(
    {
        "apiVersion": "catalyst.openova.io/v1alpha1",
        "kind": "EnvironmentStatus",
        "metadata": {"name": "acme-prod"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "12 of 12"}],
        "applications": [{"name": "shop", "state": "Running", "ready": "True", "placements": []}],
    }
)
AROUND = RenderContext(sovereign="example", keys={})


@FUZZ
@given(mutated([*DOCUMENTS, *POLICIES, LOCK, STATUS]), st.sampled_from(KINDS), st.booleans())
def test_every_model_takes_or_refuses_a_damaged_document(text: bytes, model: type[BaseModel], lenient: bool) -> None:
    read = load(text, "f.yaml")
    document, problems = parse_document(read, model, lenient=lenient)
    assert (document is None) == any(p.severity == "error" for p in problems)
    assert all(p.file == "f.yaml" for p in problems)


@FUZZ
@given(mutated(DOCUMENTS))
def test_a_damaged_file_is_checked_without_a_crash(text: bytes) -> None:
    validate_text(text, "f.yaml")


def accepted(text: bytes) -> Blueprint | None:
    """A Blueprint as the catalog would take it."""
    blueprint, _ = parse_document(load(text, "blueprint.yaml"), Blueprint, lenient=True)
    if blueprint is None or blueprint_defects(
        blueprint, {"name": blueprint.name, "version": blueprint.version}, blueprint.name, blueprint.version
    ):
        return None
    return blueprint


def wanted(blueprint: Blueprint, config: bytes) -> dict[str, Source]:
    """An Environment that wants a Blueprint, with a config that may be damaged."""
    read = load(config, "applications/shop.yaml")
    spec = read.data.get("spec") if isinstance(read.data, dict) else None
    data: dict[str, Any] = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop"}}
    data["spec"] = (spec if isinstance(spec, dict) else {}) | {"blueprint": {"name": blueprint.name, "version": "*"}}
    for field in ("placement", "bind"):
        data["spec"].pop(field, None)
    return {"environment.yaml": source(environment()), "applications/shop.yaml": source(data, "applications/shop.yaml")}


@FUZZ
@given(mutated(BLUEPRINTS), mutated(APPLICATIONS))
def test_an_accepted_blueprint_survives_all_later_stages(text: bytes, config: bytes) -> None:
    blueprint = accepted(text)
    assume(blueprint is not None)
    assert blueprint is not None
    assert config_schema_problem(blueprint) is None
    application_values(blueprint, None, [])
    wish, _ = validate(wanted(blueprint, config))
    if wish is None:
        return
    application_values(blueprint, wish.declared["shop"], [{"a": {"b": None}}])
    resolution, _ = resolve(wish, {}, BlueprintCatalog(blueprint))
    lock = build_lock(wish, resolution, SOVEREIGN)[0] if resolution is not None else None
    if lock is not None:
        tree = {path: dump(*files) for path, files in render(lock, AROUND).items()}
        again, problems = parse_document(load(tree["environment.lock.yaml"], "environment.lock.yaml"), EnvironmentLock)
        assert again == lock, problems


@FUZZ
@given(mutated(ENVIRONMENTS), st.lists(mutated(APPLICATIONS), max_size=4))
def test_a_damaged_environment_is_judged_and_its_data_left_alone(text: bytes, applications: list[bytes]) -> None:
    sources = {f"applications/a{n}.yaml": load(one, f"applications/a{n}.yaml") for n, one in enumerate(applications)}
    sources["environment.yaml"] = load(text, "environment.yaml")
    before = deepcopy({file: one.data for file, one in sources.items()})
    wish, problems = validate(sources)
    assert (wish is None) == any(p.severity == "error" for p in problems)
    if wish is not None:
        resolve(wish, {}, BlueprintCatalog())
    assert {file: one.data for file, one in sources.items()} == before


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | pieces(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(pieces(), inner, max_size=3),
    max_leaves=6,
)


def ways(data: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way, *(found for step, inner in below for found in ways(inner, (*way, step)))]


@pytest.mark.parametrize("texts", [BLUEPRINTS, APPLICATIONS, ENVIRONMENTS, [LOCK], [STATUS]], ids="BAELS")
def test_any_value_in_any_place_is_taken_or_refused(texts: list[bytes]) -> None:
    @FUZZ
    @given(st.data())
    def run(draw: st.DataObject) -> None:
        data = deepcopy(load(draw.draw(st.sampled_from(texts)), "f.yaml").data)
        for _ in range(draw.draw(st.integers(1, 3))):
            *outer, last = draw.draw(st.sampled_from(ways(data)[1:]))
            part = data
            for step in outer:
                part = part[step]
            part[last] = draw.draw(JUNK)
        text = dump(data)
        read = load(text, "f.yaml")
        for model in KINDS:
            if model.__name__ == kind_of(read):
                parse_document(read, model, lenient=True)
        validate_text(text, "f.yaml")
        if texts is BLUEPRINTS and (blueprint := accepted(text)) is not None:
            application_values(blueprint, None, [])

    run()


@FUZZ
@given(mutated(POLICIES))
def test_a_damaged_policy_holds_somebody_or_can_be_used(text: bytes) -> None:
    found = environment_policies([load(text, "p.yaml")])
    assert len(found.policies) + len(found.broken) == 1
    for one in found.broken:
        assert one.problems
        assert one.environments or found.problems("whoever")
    for policy in found.policies:
        for rule in policy.spec.rules:
            if isinstance(rule, WindowRule):
                window_at(rule, datetime(2026, 3, 29, tzinfo=UTC))
