"""`environment.yaml`: what an Environment is and where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.base import ClusterName, DnsLabel, Document, Model


class Placement(Model):
    """One vcluster that the Environment's Applications run on."""

    cluster: ClusterName
    region: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]


class EnvironmentSpec(Model):
    """`spec` of an Environment."""

    organization: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,31}$")]
    env_type: Literal["prod", "stg", "uat", "dev", "poc"]
    placements: Annotated[list[Placement], Field(min_length=1)]
    flux_namespace: DnsLabel = "flux-system"


class Environment(Document):
    """An Organization's Environment: `{organization}-{envType}`."""

    kind: Literal["Environment"]
    spec: EnvironmentSpec


@dataclass(frozen=True)
class EnvironmentIdentity:
    """Who an Environment must say it is: a repository cannot claim to be another's.

    Attributes:
        name: its name.
        organization: its Organization, where the repository's owner tells it; None where the configuration names it.
    """

    name: str
    organization: str | None = None
