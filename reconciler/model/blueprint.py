"""Blueprint: what can be installed. It travels inside the signed OCI artifact, next to its chart.

The real ones differ in small ways (a name with or without `bp-`, the version under `metadata` or `spec`, dependencies as words
or as objects); all those shapes are read, and come out as one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from reconciler.model.base import Model

PREFIX = "bp-"


def blueprint_name(name: str) -> str:
    """The full name of a Blueprint: `wordpress` and `bp-wordpress` are the same one."""
    return name if name.startswith(PREFIX) else PREFIX + name


def short_name(name: str) -> str:
    """A Blueprint's name without `bp-`: how a shared dependency's Application is called."""
    return name.removeprefix(PREFIX)


class Dependency(Model):
    """Another Blueprint that this one needs.

    With `values` it is dedicated (an own Application), without it is shared by all who need it.
    """

    blueprint: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: str = "*"
    alias: str | None = None
    when: str | None = None
    values: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The full name of the Blueprint needed."""
        return blueprint_name(self.blueprint)

    @property
    def key(self) -> str:
        """The word by which `bind` speaks of this dependency: its alias, else the Blueprint's short name."""
        return self.alias or short_name(self.blueprint)


def _as_dependency(value: Any) -> Any:
    return {"blueprint": value} if isinstance(value, str) else value


# A bare name is a dependency on any version of it.
AnyDependency = Annotated[Dependency, BeforeValidator(_as_dependency, json_schema_input_type=Dependency | str)]


class Source(Model):
    """`manifests.source`: a chart or Kustomization that is not `./chart`."""

    kind: Literal["HelmChart", "Kustomize"]
    ref: str


class Manifests(Model):
    """Where a Blueprint's manifests lie, seen from its own folder."""

    chart: str | None = None
    source: Source | None = None


class PlacementSchema(Model):
    """How a Blueprint may be placed."""

    modes: list[str] = []
    min_regions: Annotated[int, Field(ge=1)] = 1
    max_regions: Annotated[int, Field(ge=1)] | None = None
    default: str | None = None


class Upgrades(Model):
    """Which versions may be left for this one: `blocks` forbids, `from` warns when it does not match."""

    from_: Annotated[list[str], Field(alias="from")] = []
    blocks: list[str] = []


class BlueprintMetadata(Model):
    """`metadata` of a Blueprint."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    version: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class BlueprintSpec(Model):
    """`spec` of a Blueprint."""

    version: str | None = None
    visibility: Literal["listed", "unlisted", "private"] | None = None
    owner: dict[str, Any] | None = None
    card: dict[str, Any] | None = None
    config_schema: dict[str, Any] | None = None
    placement_schema: PlacementSchema = PlacementSchema()
    manifests: Manifests | None = None
    depends: list[AnyDependency] = []
    overlays: dict[str, dict[str, Any]] = {}
    upgrades: Upgrades = Upgrades()
    outputs: dict[str, Any] | None = None
    rotation: Any = None
    observability: dict[str, Any] | None = None


class Blueprint(Model):
    """Something that can be installed: a chart, its configuration's schema and what it needs."""

    api_version: Literal["catalyst.openova.io/v1alpha1", "catalyst.openova.io/v1"]
    kind: Literal["Blueprint"]
    metadata: BlueprintMetadata
    spec: BlueprintSpec

    @model_validator(mode="after")
    def _one_version(self) -> Blueprint:
        stated = {v for v in (self.metadata.version, self.spec.version) if v is not None}
        if not stated:
            raise ValueError("neither spec.version nor metadata.version is given")
        if len(stated) > 1:
            raise ValueError(
                f"metadata.version is {self.metadata.version} but spec.version is {self.spec.version}; give one of them"
            )
        return self

    @property
    def name(self) -> str:
        """The full name, with `bp-`."""
        return blueprint_name(self.metadata.name)

    @property
    def version(self) -> str:
        """The version, wherever it was written."""
        return self.spec.version or self.metadata.version or ""
