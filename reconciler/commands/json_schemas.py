"""Generates the JSON Schemas of every document from the models: for editors, and for CI of Environment repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.config.settings import Settings
from reconciler.model.application import Application
from reconciler.model.blueprint import Blueprint
from reconciler.model.environment import Environment
from reconciler.model.lock import EnvironmentLock
from reconciler.model.policy import EnvironmentPolicy
from reconciler.model.status import EnvironmentStatus
from reconciler.model.trust import TrustPolicy

if TYPE_CHECKING:
    from pydantic import BaseModel

DOCUMENTS: tuple[type[BaseModel], ...] = (
    Application,
    Blueprint,
    Environment,
    EnvironmentLock,
    EnvironmentPolicy,
    EnvironmentStatus,
    TrustPolicy,
)


def schemas() -> dict[str, str]:
    """The texts of the schemas by file name; equal models give equal texts."""
    models = {f"{model.__name__}.json": model for model in DOCUMENTS} | {"Configuration.json": Settings}
    return {file: _text(model) for file, model in sorted(models.items())}


def _text(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2, ensure_ascii=False) + "\n"
