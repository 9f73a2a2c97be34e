"""The Blueprint document: an installable package. It is part of the signed OCI artifact, next to its chart.

Existing Blueprints differ in details (a name with or without `bp-`, the version under `metadata` or `spec`, dependencies as
strings or as objects); all these forms are accepted and normalised to one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from reconciler.model.base import Model

PREFIX = "bp-"


def blueprint_name(name: str) -> str:
    """Returns the full name of a Blueprint: `wordpress` and `bp-wordpress` name the same Blueprint."""
    return name if name.startswith(PREFIX) else PREFIX + name


def short_name(name: str) -> str:
    """Returns a Blueprint's name without `bp-`, which is also the name of a shared dependency's Application."""
    return name.removeprefix(PREFIX)


class BlueprintModel(Model):
    """Part of a Blueprint. As in Kubernetes, a known field that is null counts as absent."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {field.alias for field in cls.model_fields.values()}
        return {key: value for key, value in data.items() if value is not None or key not in known}


def _number_as_text(value: Any) -> Any:
    # Floats are not converted: YAML has already parsed `1.10` as 1.1.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# A range such as `1` may be written as a number.
Range = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=str | int)]


def _scalar_as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


# Labels affect no decision, so `slot: 16` need not be quoted.
Label = Annotated[str, BeforeValidator(_scalar_as_text, json_schema_input_type=str | int | float | bool)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


# A single range may be written without a list.
Ranges = Annotated[list[Range], BeforeValidator(_as_list, json_schema_input_type=list[Range] | Range)]


class Dependency(BlueprintModel):
    """Dependency of a Blueprint on another Blueprint.

    With `values` it is dedicated: an Application of its own. Without them it is shared by all Applications that require it.
    """

    blueprint: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Range = "*"
    alias: str | None = None
    when: str | None = None
    values: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The full name of the required Blueprint."""
        return blueprint_name(self.blueprint)

    @property
    def bind_key(self) -> str:
        """The key of this dependency in `bind`: its alias, else the Blueprint's short name."""
        return self.alias or short_name(self.blueprint)


def _as_dependency(value: Any) -> Any:
    return {"blueprint": value} if isinstance(value, str) else value


# A bare name is a dependency on any version of that Blueprint.
AnyDependency = Annotated[Dependency, BeforeValidator(_as_dependency, json_schema_input_type=Dependency | str)]


class BlueprintSource(BlueprintModel):
    """`manifests.source`: a chart or Kustomization other than `./chart`."""

    kind: Literal["HelmChart", "Kustomize"]
    ref: str


class Manifests(BlueprintModel):
    """Location of a Blueprint's manifests, relative to its folder."""

    chart: str | None = None
    source: BlueprintSource | None = None


class PlacementSchema(BlueprintModel):
    """Allowed placements of a Blueprint."""

    modes: list[str] = []
    min_regions: Annotated[int, Field(ge=1)] = 1
    max_regions: Annotated[int, Field(ge=1)] | None = None
    default: str | None = None


class Upgrades(BlueprintModel):
    """Versions that can be upgraded to this one: `blocks` forbids it, `from` warns when the old version does not match."""

    from_: Annotated[Ranges, Field(alias="from")] = []
    blocks: Ranges = []


def _as_overlay(value: Any) -> Any:
    return {} if value is None else value


# A size that changes nothing may be written without values.
Overlay = Annotated[dict[str, Any], BeforeValidator(_as_overlay, json_schema_input_type=dict[str, Any] | None)]


class BlueprintMetadata(BlueprintModel):
    """`metadata` of a Blueprint."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    version: str | None = None
    labels: dict[str, Label] = {}
    annotations: dict[str, Label] = {}


class BlueprintSpec(BlueprintModel):
    """`spec` of a Blueprint."""

    version: str | None = None
    visibility: Literal["listed", "unlisted", "private"] | None = None
    owner: Any = None  # informational, not evaluated; so are `outputs`, `rotation` and `observability`
    card: dict[str, Any] | None = None
    config_schema: dict[str, Any] | None = None
    placement_schema: PlacementSchema = PlacementSchema()
    manifests: Manifests | None = None
    depends: list[AnyDependency] = []
    overlays: dict[str, Overlay] = {}
    upgrades: Upgrades = Upgrades()
    outputs: Any = None
    rotation: Any = None
    observability: Any = None


class Blueprint(BlueprintModel):
    """Installable package: a chart, the schema of its configuration, and its dependencies."""

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
        """The version, from `spec.version` or `metadata.version`."""
        return self.spec.version or self.metadata.version or ""
