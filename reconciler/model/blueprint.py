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


class BlueprintModel(Model):
    """A part of a Blueprint. As in Kubernetes, a known field that is null is one that is not given."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {field.alias for field in cls.model_fields.values()}
        return {key: value for key, value in data.items() if value is not None or key not in known}


def _number_as_text(value: Any) -> Any:
    # Not of a number with a point: `1.10` has lost its zero by now.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# A range such as `1` may come as a number.
Range = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=str | int)]


def _scalar_as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


# Nothing is decided by a label: `slot: 16` need not be quoted.
Label = Annotated[str, BeforeValidator(_scalar_as_text, json_schema_input_type=str | int | float | bool)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


# One range may stand without its list.
Ranges = Annotated[list[Range], BeforeValidator(_as_list, json_schema_input_type=list[Range] | Range)]


class Dependency(BlueprintModel):
    """Another Blueprint that this one needs.

    With `values` it is dedicated (an own Application), without it is shared by all who need it.
    """

    blueprint: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Range = "*"
    alias: str | None = None
    when: str | None = None
    values: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The full name of the Blueprint needed."""
        return blueprint_name(self.blueprint)

    @property
    def bind_key(self) -> str:
        """The word by which `bind` speaks of this dependency: its alias, else the Blueprint's short name."""
        return self.alias or short_name(self.blueprint)


def _as_dependency(value: Any) -> Any:
    return {"blueprint": value} if isinstance(value, str) else value


# A bare name is a dependency on any version of it.
AnyDependency = Annotated[Dependency, BeforeValidator(_as_dependency, json_schema_input_type=Dependency | str)]


class BlueprintSource(BlueprintModel):
    """`manifests.source`: a chart or Kustomization that is not `./chart`."""

    kind: Literal["HelmChart", "Kustomize"]
    ref: str


class Manifests(BlueprintModel):
    """Where a Blueprint's manifests lie, seen from its own folder."""

    chart: str | None = None
    source: BlueprintSource | None = None


class PlacementSchema(BlueprintModel):
    """How a Blueprint may be placed."""

    modes: list[str] = []
    min_regions: Annotated[int, Field(ge=1)] = 1
    max_regions: Annotated[int, Field(ge=1)] | None = None
    default: str | None = None


class Upgrades(BlueprintModel):
    """Which versions may be left for this one: `blocks` forbids, `from` warns when it does not match."""

    from_: Annotated[Ranges, Field(alias="from")] = []
    blocks: Ranges = []


def _as_overlay(value: Any) -> Any:
    return {} if value is None else value


# A size that changes nothing may go without values.
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
    owner: Any = None  # for people; so are `outputs`, `rotation` and `observability`
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
