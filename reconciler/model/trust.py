"""TrustPolicy: whose signature the Sovereign accepts on which artifacts, and what else must be attested of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from reconciler.model.base import Document, Model

Severity = Literal["none", "negligible", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)  # from the least to the worst
PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"  # cosign's for signatures: it tells them from attestations
VULNERABILITIES: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"  # cosign's predicate for vulnerability scans


class Keyless(Model):
    """Those whom a certificate authority vouched for when they signed.

    `issuer` is the OIDC issuer, exactly. `subject` is the identity in the certificate; a `*` in it stands for any characters but
    `/` and `@`, so that nobody can reach past it by the name of a branch. `trustedRoot` is a file beside the policy, of
    Sigstore's kind (trusted_root.json): whose certificates count, and which logs and time stamps must be there.
    """

    issuer: Annotated[str, Field(min_length=1, max_length=1024)]
    subject: Annotated[str, Field(min_length=1, max_length=1024)]
    trusted_root: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$", max_length=128)]

    @field_validator("subject")
    @classmethod
    def _names_somebody(cls, value: str) -> str:
        if not value.strip("*"):
            raise ValueError("a subject of * alone is anybody")
        return value


class Authority(Model):
    """A holder of a signing key, whose public key in PEM `key` is; or somebody who signs without one of their own, `keyless`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["key"]}, {"required": ["keyless"]}]})

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=50)]
    key: str | None = None
    keyless: Keyless | None = None

    @field_validator("key")
    @classmethod
    def _is_public_key(cls, value: str | None) -> str | None:
        if value is not None and not value.strip().startswith("-----BEGIN PUBLIC KEY-----"):
            raise ValueError("not a PEM public key: it must begin with -----BEGIN PUBLIC KEY-----")
        return value

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.key is None) == (self.keyless is None):
            raise ValueError("an authority has either a key or keyless")
        return self


PredicateType = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=256)]


class Attestation(Model):
    """What must be attested of an artifact by one of the authorities, by its predicate type.

    `maxSeverity` is for vulnerability scans in cosign's predicate: the worst that the newest scan may have found.
    """

    predicate_type: PredicateType
    max_severity: Severity | None = None

    @model_validator(mode="after")
    def _severity_is_of_a_scan(self) -> Self:
        if self.max_severity is not None and self.predicate_type != VULNERABILITIES:
            raise ValueError(f"maxSeverity is for the predicate type {VULNERABILITIES} alone")
        return self


class TrustSpec(Model):
    """`spec` of a TrustPolicy.

    `artifacts` are patterns (`*` matches within a path segment and across them) over `host/repository`; any one
    authority suffices; every attestation must be there, by one of the authorities.
    """

    artifacts: Annotated[list[str], Field(min_length=1)]
    authorities: Annotated[list[Authority], Field(min_length=1)]
    attestations: list[Attestation] = []

    @field_validator("attestations")
    @classmethod
    def _are_asked_for_once(cls, value: list[Attestation]) -> list[Attestation]:
        if len({one.predicate_type for one in value}) != len(value):
            raise ValueError("a predicate type stands twice")
        return value


class TrustPolicy(Document):
    """Decided by the Sovereign, never by an Environment."""

    kind: Literal["TrustPolicy"]
    spec: TrustSpec


@dataclass(frozen=True)
class Signer:
    """By what an authority's signatures are known.

    Attributes:
        name: the authority's.
        key: its public key (PEM); empty for one without.
        issuer: the OIDC issuer of one without a key.
        subject: the pattern of its identity, as in `Keyless`.
        root: the content of its trusted root.
    """

    name: str
    key: str = ""
    issuer: str = ""
    subject: str = ""
    root: str = ""
