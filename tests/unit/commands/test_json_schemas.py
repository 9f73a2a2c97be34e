"""The schemas in the repository are those of the models, and a schema says what its model does."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from reconciler.commands.json_schemas import schemas
from reconciler.formats.yaml.documents import load
from tests.support.paths import ROOT

FILES = sorted(schemas())


def validator(file: str) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads((ROOT / "schemas" / file).read_text()))


def test_there_is_one_file_for_each_document_and_no_other() -> None:
    assert sorted(p.name for p in (ROOT / "schemas").iterdir()) == FILES


@pytest.mark.parametrize("file", FILES)
def test_the_file_in_the_repository_is_current(file: str) -> None:
    assert (ROOT / "schemas" / file).read_text() == schemas()[file], "run: python -m reconciler schemas"


@pytest.mark.parametrize("file", FILES)
def test_it_is_a_schema(file: str) -> None:
    schema = json.loads(schemas()[file])
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("Environment.json", "environments/*/environment.yaml"),
        ("Application.json", "environments/*/applications/*.yaml"),
        ("Blueprint.json", "*/*/blueprint.yaml"),
        ("TrustPolicy.json", "trust/*.yaml"),
        ("EnvironmentPolicy.json", "policies/*.yaml"),
    ],
)
def test_it_accepts_every_fixture(file: str, pattern: str) -> None:
    schema = validator(file)
    found = sorted((ROOT / "fixtures").glob(pattern))
    assert found
    for each in found:
        errors = [f"{each}: {error.message}" for error in schema.iter_errors(load(each.read_bytes(), each.name).data)]
        assert errors == []


def test_an_authority_has_either_a_key_or_an_identity() -> None:
    schema = validator("TrustPolicy.json")
    key = {"key": "-----BEGIN PUBLIC KEY-----"}
    keyless = {"keyless": {"issuer": "https://a", "subject": "https://b", "trustedRoot": "root.json"}}

    def valid(authority: dict[str, Any]) -> bool:
        spec = {"artifacts": ["*"], "authorities": [{"name": "a", **authority}]}
        head = {"apiVersion": "catalyst.openova.io/v1alpha1", "kind": "TrustPolicy", "metadata": {"name": "p"}}
        return bool(schema.is_valid({**head, "spec": spec}))

    assert [valid(one) for one in (key, keyless, {}, key | keyless)] == [True, True, False, False]


def test_it_refuses_what_its_model_refuses() -> None:
    schema = validator("Application.json")
    good = {
        "apiVersion": "catalyst.openova.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {"blueprint": {"name": "bp-shop", "version": "^1"}},
    }
    assert schema.is_valid(good)
    changes: list[dict[str, Any]] = [{"kind": "Environment"}, {"metadata": {"name": "Shop"}}, {"spec": {}}, {"extra": 1}]
    for change in changes:
        assert not schema.is_valid({**good, **change})
