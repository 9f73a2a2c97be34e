"""The Application document, `applications/<name>.yaml`: a Blueprint to install in an Environment."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.model.base import ApplicationName, Document, Metadata, Model


class BlueprintRef(Model):
    """Reference to a Blueprint, with the range of accepted versions and optionally its catalog."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    version: str
    catalog: str | None = None


class PlacementSpec(Model):
    """Selects the placements of the Environment on which the Application runs; all of them by default."""

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
    """Declares an Application: a Blueprint to install, with its configuration and placement."""

    kind: Literal["Application"]
    metadata: ApplicationMetadata
    spec: ApplicationSpec
