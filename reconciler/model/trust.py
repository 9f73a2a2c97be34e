"""TrustPolicy: whose signature the Sovereign accepts on which artifacts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from reconciler.model.base import Document, Model


class Authority(Model):
    """A holder of a signing key. `key` is its public key in PEM."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=50)]
    key: str

    @field_validator("key")
    @classmethod
    def _is_public_key(cls, value: str) -> str:
        if not value.strip().startswith("-----BEGIN PUBLIC KEY-----"):
            raise ValueError("not a PEM public key: it must begin with -----BEGIN PUBLIC KEY-----")
        return value


class TrustSpec(Model):
    """`spec` of a TrustPolicy.

    `artifacts` are patterns (`*` matches within a path segment and across them) over `host/repository`; any one
    authority suffices.
    """

    artifacts: Annotated[list[str], Field(min_length=1)]
    authorities: Annotated[list[Authority], Field(min_length=1)]


class TrustPolicy(Document):
    """Decided by the Sovereign, never by an Environment."""

    kind: Literal["TrustPolicy"]
    spec: TrustSpec
