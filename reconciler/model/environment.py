"""The Environment document, `environment.yaml`: the identity of an Environment and its placements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.base import ApplicationName, ClusterName, Digest, DnsLabel, Document, Model


class Placement(Model):
    """A vcluster on which the Environment's Applications run."""

    cluster: ClusterName
    region: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]


class EnvironmentSpec(Model):
    """`spec` of an Environment.

    `reinstall` confirms that Applications are uninstalled and installed anew: each with its `entry` in the lock until then, so
    that it is good for one transition.
    """

    organization: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,31}$")]
    env_type: Literal["prod", "stg", "uat", "dev", "poc"]
    placements: Annotated[list[Placement], Field(min_length=1)]
    flux_namespace: DnsLabel = "flux-system"
    reinstall: dict[ApplicationName, Digest] = {}


class Environment(Document):
    """An Organization's Environment, named `{organization}-{envType}`."""

    kind: Literal["Environment"]
    spec: EnvironmentSpec


@dataclass(frozen=True)
class EnvironmentIdentity:
    """The identity that an Environment must declare, so that a repository cannot impersonate another Environment.

    Attributes:
        name: the Environment's name.
        organization: its Organization, where it follows from the repository's owner; None where the configuration names the
            Environment.
    """

    name: str
    organization: str | None = None
