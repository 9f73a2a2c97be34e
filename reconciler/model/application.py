"""`applications/<name>.yaml`: one Blueprint that people want in their Environment."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.model.base import ApplicationName, Document, Metadata, Model


class BlueprintRef(Model):
    """Which Blueprint, and which versions of it are welcome."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    version: str
    catalog: str | None = None


class PlacementSpec(Model):
    """Where of the Environment's placements the Application shall run; all of them when nothing is said."""

    mode: str | None = None
    regions: list[str] = []


class ApplicationSpec(Model):
    """`spec` of an Application."""

    blueprint: BlueprintRef
    size: str | None = None
    config: dict[str, Any] = {}
    placement: PlacementSpec = PlacementSpec()
    bind: dict[str, ApplicationName] = {}
    suspend: bool = False


class ApplicationMetadata(Metadata):
    """`metadata` of an Application; the name must equal the file's."""

    name: ApplicationName


class Application(Document):
    """What a person wants to run."""

    kind: Literal["Application"]
    metadata: ApplicationMetadata
    spec: ApplicationSpec
