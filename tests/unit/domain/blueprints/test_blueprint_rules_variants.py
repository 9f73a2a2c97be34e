"""Every way in which real Blueprints are written, one by one; and what stands out, as told to authors and to users."""

from __future__ import annotations

import pytest

from reconciler.domain.blueprints.blueprint_rules import blueprint_faults
from reconciler.domain.validation.document_parser import parse_document
from reconciler.domain.values.application_values import application_values
from reconciler.formats.yaml.documents import load
from reconciler.model.blueprint import Blueprint, BlueprintSpec

HEAD = "apiVersion: catalyst.openova.io/v1alpha1\nkind: Blueprint\n"


def text(spec: str = "", metadata: str = "  name: bp-web\n") -> str:
    return f"{HEAD}metadata:\n{metadata}spec:\n  version: 1.0.0\n{spec}"


def read(written: str) -> Blueprint:
    """A Blueprint that its author may publish: there is nothing to say about it."""
    document, problems = parse_document(load(written.encode(), "blueprint.yaml"), Blueprint)
    assert document is not None, problems
    assert (problems, list(blueprint_faults(document))) == ((), [])
    return document


def published(written: str) -> tuple[Blueprint | None, list[str]]:
    document, problems = parse_document(load(written.encode(), "blueprint.yaml"), Blueprint, lenient=True)
    return document, [f"{p.severity}: {p.message}" for p in problems]


def told(written: str) -> list[str]:
    """What its author is told of a document that is refused."""
    document, problems = parse_document(load(written.encode(), "blueprint.yaml"), Blueprint)
    assert document is None
    return [str(p) for p in problems]


# The envelope


@pytest.mark.parametrize(
    "written",
    [
        f"{HEAD}metadata: {{name: bp-web}}\nspec: {{version: 1.0.0}}\n",
        f"{HEAD}metadata: {{name: web}}\nspec: {{version: 1.0.0}}\n",
        f"{HEAD}metadata: {{name: web, version: 1.0.0}}\nspec: {{}}\n",
        f"{HEAD}metadata: {{name: web, version: 1.0.0}}\nspec: {{version: 1.0.0}}\n",
        f"{HEAD}metadata: {{name: web, version: null}}\nspec: {{version: 1.0.0}}\n",
        "apiVersion: catalyst.openova.io/v1\nkind: Blueprint\nmetadata: {name: web}\nspec: {version: 1.0.0}\n",
        f"---\n# words\n{HEAD}metadata: {{name: web}} # more\nspec: {{version: 1.0.0}}\n...\n",
        f"\ufeff{HEAD}metadata: {{name: web}}\nspec: {{version: '1.0.0'}}\n".replace("\n", "\r\n"),
    ],
)
def test_the_name_and_the_version_may_stand_in_several_ways(written: str) -> None:
    assert (read(written).name, read(written).version) == ("bp-web", "1.0.0")


@pytest.mark.parametrize("version", ["1.0.0-rc.1", "1.0.0+build.7", "10.20.30"])
def test_any_semantic_version_will_do(version: str) -> None:
    assert read(text().replace("1.0.0", version)).version == version


def test_labels_and_annotations_hold_plain_values_of_any_kind() -> None:
    given = "  name: web\n  labels: {example.org/slot: 16, a: true, b: 1.5, c: word}\n  annotations: {d: 2}\n"
    found = read(text(metadata=given)).metadata
    assert found.labels == {"example.org/slot": "16", "a": "true", "b": "1.5", "c": "word"}
    assert found.annotations == {"d": "2"}


# The parts that may be missing


def test_a_bare_blueprint_needs_nothing_and_may_run_anywhere() -> None:
    spec = read(text("  card: {title: Web, family: insights, description: Words., docs: 'https://docs.example/'}\n")).spec
    assert (spec.depends, spec.overlays, spec.config_schema, spec.manifests) == ([], {}, None, None)
    assert (spec.placement_schema.modes, spec.placement_schema.min_regions, spec.upgrades.from_) == ([], 1, [])


@pytest.mark.parametrize("field", sorted({field.alias or "" for field in BlueprintSpec.model_fields.values()} - {"version"}))
def test_a_field_without_a_value_is_not_given(field: str) -> None:
    assert read(text(f"  {field}: # nothing yet\n")) == read(text())


def test_nor_is_one_further_inside() -> None:
    inside = (
        "  placementSchema: {modes: , maxRegions: null, minRegions: null}\n  manifests: {chart: null}\n"
        "  upgrades: {from: null, blocks: null}\n  depends: [{blueprint: bp-db, version: null, alias: null, values: null}]\n"
    )
    found = read(text(inside, "  name: web\n  labels: null\n")).spec
    assert found.depends[0].version == "*"
    assert (found.upgrades.blocks, found.placement_schema.modes) == ([], [])


def test_a_field_that_must_be_given_is_missing_when_it_has_no_value() -> None:
    assert told(text("  depends: [{blueprint: }]\n")) == ["blueprint.yaml:7:13: spec.depends.0.blueprint is required"]


@pytest.mark.parametrize("visibility", ["listed", "unlisted", "private"])
def test_visibility_is_one_of_three(visibility: str) -> None:
    assert read(text(f"  visibility: {visibility}  # words\n")).spec.visibility == visibility


@pytest.mark.parametrize("field", ["owner", "outputs", "rotation", "observability"])
@pytest.mark.parametrize("value", ["word", "true", "[a, {b: c}]", "{team: web, contact: web@example.org}"])
def test_what_is_for_people_may_look_any_way(field: str, value: str) -> None:
    read(text(f"  {field}: {value}\n"))


def test_a_card_holds_anything() -> None:
    written = "  card:\n    title: Web\n    summary: |\n      Words,\n      more words.\n    tags: [a, b]\n    license: MIT\n"
    card = read(text(written)).spec.card
    assert card == {"title": "Web", "summary": "Words,\nmore words.\n", "tags": ["a", "b"], "license": "MIT"}


# depends, upgrades, manifests, placementSchema, overlays


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("[]", []),
        ("[bp-db]", [("bp-db", "*", "db")]),
        ("[db, {blueprint: cache}]", [("bp-db", "*", "db"), ("bp-cache", "*", "cache")]),
        ("[{blueprint: bp-db, version: ^1}]", [("bp-db", "^1", "db")]),
        ("[{blueprint: bp-db, version: 1}]", [("bp-db", "1", "db")]),
        ("[{blueprint: bp-db, version: 1.x}]", [("bp-db", "1.x", "db")]),
        ("[{blueprint: bp-db, version: '>=1.2 <3 || 4.0.0', alias: eso}]", [("bp-db", ">=1.2 <3 || 4.0.0", "eso")]),
        ("[{blueprint: bp-db, values: {}}]", [("bp-db", "*", "db")]),
    ],
)
def test_dependencies(written: str, found: list[tuple[str, str, str]]) -> None:
    depends = read(text(f"  depends: {written}\n")).spec.depends
    assert [(d.name, d.version, d.bind_key) for d in depends] == found


@pytest.mark.parametrize("field", ["from", "blocks"])
@pytest.mark.parametrize(
    ("written", "found"), [("['0.x']", ["0.x"]), ("0.x", ["0.x"]), ("[0, <1]", ["0", "<1"]), ("0", ["0"]), ("[]", [])]
)
def test_upgrades_are_ranges_in_a_list_or_one(field: str, written: str, found: list[str]) -> None:
    upgrades = read(text(f"  upgrades: {{{field}: {written}}}\n")).spec.upgrades
    assert (upgrades.from_ if field == "from" else upgrades.blocks) == found


def test_a_block_that_is_no_range_would_block_nothing() -> None:
    document, _ = published(text("  upgrades: {blocks: [everything]}\n"))
    assert document is not None
    assert list(blueprint_faults(document)) == ["its upgrades.blocks has 'everything', which is not a version range"]


@pytest.mark.parametrize(
    "written",
    ["{chart: ./chart}", "{chart: chart/}", "{source: {kind: HelmChart, ref: ./chart}}", "{}", "{chart: ., source: null}"],
)
def test_manifests(written: str) -> None:
    assert read(text(f"  manifests: {written}\n")).spec.manifests is not None


def test_what_helm_cannot_install_is_read_and_refused() -> None:
    document, _ = published(text("  manifests: {source: {kind: Kustomize, ref: ./base}}\n"))
    assert document is not None
    assert list(blueprint_faults(document)) == ["manifests.source is a Kustomize; only Helm charts can be installed"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{modes: [single-region, active-active], default: active-active}", (1, None)),
        ("{modes: [single-region, active-hotstandby], default: single-region, minRegions: 1, maxRegions: 5}", (1, 5)),
        ("{modes: [multi-region], minRegions: 2}", (2, None)),
        ("{}", (1, None)),
    ],
)
def test_placement_schemas(written: str, found: tuple[int, int | None]) -> None:
    schema = read(text(f"  placementSchema: {written}\n")).spec.placement_schema
    assert (schema.min_regions, schema.max_regions) == found


def test_a_size_may_change_nothing() -> None:
    assert read(text("  overlays: {small: , large: {replicas: 3}}\n")).spec.overlays == {"small": {}, "large": {"replicas": 3}}


# configSchema


@pytest.mark.parametrize(
    "schema",
    [
        "{}",
        "{type: object}",
        "{type: object, additionalProperties: true, required: [a], properties: {a: {type: string, minLength: 1}}}",
        "{type: object, properties: {a: {oneOf: [{type: string}, {type: integer}], x-catalyst-ui-widget: slider}}}",
        "{type: object, properties: {a: {type: [string, 'null'], default: null}}}",
        "{type: object, properties: {a: {type: string, format: hostname}, b: {type: number, default: 0.9, exclusiveMinimum: 0}}}",
        "{$schema: 'https://json-schema.org/draft/2020-12/schema', $defs: {n: {}}, properties: {a: {$ref: '#/$defs/n'}}}",
        "{$schema: 'http://json-schema.org/draft-07/schema#', definitions: {n: {}}, properties: {a: {$ref: '#/definitions/n'}}}",
        "{properties: {a: {type: array, items: {type: object, properties: {b: {type: string, enum: [x, y], nullable: true}}}}}}",
        "{type: object, properties: {a: {if: {const: 1}, then: {}, else: {not: {}}}}, x-catalyst-ui-order: [a], title: Web}",
    ],
)
def test_config_schemas(schema: str) -> None:
    assert read(text(f"  configSchema: {schema}\n")).spec.config_schema is not None


def test_words_that_other_yaml_takes_for_booleans_stay_words() -> None:
    schema = "{type: object, properties: {mode: {type: string, enum: [Off, Auto, no, y], default: Off}}}"
    values, problems = application_values(read(text(f"  configSchema: {schema}\n")), None, ())
    assert (values, problems) == ({"mode": "Off"}, ())


# What nobody knows


EXTRAS = """\
apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
status: {}
metadata: {name: web, namespace: flux-system, creationTimestamp: null}
spec:
  version: 1.0.0
  maturity: beta
  placementSchema: {modes: [a], spread: true}
  manifests: {chart: ./chart, source: {kind: HelmChart, ref: x, digest: y}, values: {}}
  depends: [{blueprint: db, optional: true}]
  upgrades: {from: [0.x], notes: words}
"""
UNKNOWN = (
    "status", "metadata.namespace", "metadata.creationTimestamp", "spec.maturity", "spec.placementSchema.spread",
    "spec.manifests.source.digest", "spec.manifests.values", "spec.depends.0.optional", "spec.upgrades.notes",
)  # fmt: skip


def test_extras_at_every_level_are_warnings_in_what_is_published() -> None:
    document, problems = published(EXTRAS)
    assert document is not None
    assert sorted(problems) == sorted(f"warning: unknown field {name}" for name in UNKNOWN)
    assert document == read(EXTRAS_TAKEN_AWAY)


EXTRAS_TAKEN_AWAY = """\
apiVersion: catalyst.openova.io/v1alpha1
kind: Blueprint
metadata: {name: web}
spec:
  version: 1.0.0
  placementSchema: {modes: [a]}
  manifests: {chart: ./chart, source: {kind: HelmChart, ref: x}}
  depends: [{blueprint: db}]
  upgrades: {from: [0.x]}
"""


def test_extras_at_every_level_are_errors_to_their_author_each_where_it_stands() -> None:
    found = told(EXTRAS)
    assert len(found) == len(UNKNOWN)
    assert any(one.startswith("blueprint.yaml:3:1: unknown field status") for one in found)
    for name in UNKNOWN:
        assert any(f": unknown field {name}" in one for one in found), name


# What is wrong in any case


@pytest.mark.parametrize(
    ("spec", "place", "words"),
    [
        (
            "  depends: [{blueprint: bp-db, version: 1.10}]\n",
            "7:41",
            "spec.depends.0.version must be a string, not 1.1; quote it",
        ),
        ("  upgrades: {blocks: [1.10]}\n", "7:23", "spec.upgrades.blocks.0 must be a string, not 1.1; quote it"),
        ("  depends: bp-db\n", "7:12", "spec.depends must be a list"),
        ("  depends: [bp_db]\n", "7:13", "spec.depends.0"),
        ("  card: Web\n", "7:9", "spec.card must be a mapping of fields"),
        ("  placementSchema: {minRegions: 0}\n", "7:33", "spec.placementSchema.minRegions"),
        ("  manifests: {source: {kind: Jsonnet, ref: x}}\n", "7:30", "it must be 'HelmChart' or 'Kustomize'"),
        ("  overlays: {small: ./small.yaml}\n", "7:21", "spec.overlays.small must be a mapping"),
    ],
)
def test_a_wrong_type_is_an_error_for_author_and_user(spec: str, place: str, words: str) -> None:
    (problem,) = told(text(spec))
    assert problem.startswith(f"blueprint.yaml:{place}: ")
    assert words in problem
    document, problems = published(text(spec))
    assert document is None
    assert [p.partition(":")[0] for p in problems] == ["error"]


def test_a_number_is_no_version() -> None:
    assert told(text().replace("1.0.0", "1.0")) == ["blueprint.yaml:6:12: spec.version must be a string, not 1.0; quote it"]
