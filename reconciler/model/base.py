"""The base of all document models: the envelope, the types of names, and strict parsing."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_NAME: Final = 53
"""Maximum length of an Application's name in characters.

The name is also that of its Namespace and of its Helm release: Helm allows 53 characters, a DNS label 63."""

API_VERSION: Final = "catalyst.openova.io/v1alpha1"

ENV_TYPES: Final = ("prod", "stg", "uat", "dev", "poc")

ApplicationName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=MAX_NAME)]

# `{prov}-{reg}-{bb}-{env_type}-{org}`: the name of a cluster is the name of its kubeconfig context.
ClusterName = Annotated[str, Field(pattern=r"^[a-z0-9]+-[a-z0-9]+-[a-z0-9]+-[a-z]+-[a-z][a-z0-9-]*$", max_length=128)]

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Model(BaseModel):
    """Part of a document: camelCase in YAML and JSON, snake_case in Python. Rejects unknown fields and type coercion."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Metadata(Model):
    """`metadata` of a document of `main` or of a policy."""

    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Document(Model):
    """The envelope of every document except Blueprint, whose older envelope is less strict."""

    api_version: Literal["catalyst.openova.io/v1alpha1"]
    kind: str
    metadata: Metadata
