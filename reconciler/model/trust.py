"""The TrustPolicy document: the signers the Sovereign accepts for artifacts, and the attestations it requires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from reconciler.model.base import Document, Model
from reconciler.model.public_key import USABLE, is_public_key, unusable_kind

Severity = Literal["none", "negligible", "low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)  # in ascending order
PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"  # cosign's predicate type of signatures; attestations have others
VULNERABILITIES: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"  # cosign's predicate type of vulnerability scans


class Keyless(Model):
    """Signers identified by a certificate that a certificate authority issued when they signed.

    `issuer` is the exact OIDC issuer. `subject` is the identity in the certificate; a `*` in it matches any characters except
    `/` and `@`, so that a chosen branch name cannot extend the match. `trustedRoot` is a file beside the policy in Sigstore's
    format (trusted_root.json): the accepted certificate authorities, and the required transparency logs and timestamps.
    """

    issuer: Annotated[str, Field(min_length=1, max_length=1024)]
    subject: Annotated[str, Field(min_length=1, max_length=1024)]
    trusted_root: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$", max_length=128)]

    @field_validator("subject")
    @classmethod
    def _subject_is_specific(cls, value: str) -> str:
        if not value.strip("*"):
            raise ValueError("a subject of * alone matches every identity: write a part of the identity too")
        return value


class Authority(Model):
    """Accepted signer: either the holder of a signing key, by the public key in PEM (`key`), or a keyless signer (`keyless`)."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["key"]}, {"required": ["keyless"]}]})

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=50)]
    key: str | None = None
    keyless: Keyless | None = None

    @field_validator("key")
    @classmethod
    def _is_public_key(cls, value: str | None) -> str | None:
        if value is not None and not value.strip().startswith("-----BEGIN PUBLIC KEY-----"):
            raise ValueError("not a PEM public key: it must begin with -----BEGIN PUBLIC KEY-----")
        if value is not None and not is_public_key(value):
            raise ValueError("the PEM block is no public key, or something stands beside it: use the contents of cosign.pub")
        if value is not None and (kind := unusable_kind(value)):
            raise ValueError(f"cosign cannot verify by a key of this kind ({kind}): give {USABLE}")
        return value

    @model_validator(mode="after")
    def _has_key_or_keyless(self) -> Self:
        if (self.key is None) == (self.keyless is None):
            raise ValueError("an authority must have either a key or keyless: give exactly one of them")
        return self


PredicateType = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=256)]


class Attestation(Model):
    """Required attestation of an artifact, by predicate type. One of the authorities must have signed it.

    `maxSeverity` applies to vulnerability scans in cosign's predicate: the highest severity allowed in the newest scan.
    """

    predicate_type: PredicateType
    max_severity: Severity | None = None

    @model_validator(mode="after")
    def _severity_is_of_a_scan(self) -> Self:
        if self.max_severity is not None and self.predicate_type != VULNERABILITIES:
            raise ValueError(f"maxSeverity is allowed only for the predicate type {VULNERABILITIES}")
        return self


class TrustSpec(Model):
    """`spec` of a TrustPolicy.

    `artifacts` are patterns (`*` matches within a path segment and across segments) over `host/repository`. A signature of any
    one authority suffices; every attestation is required, signed by one of the authorities.
    """

    artifacts: Annotated[list[str], Field(min_length=1)]
    authorities: Annotated[list[Authority], Field(min_length=1)]
    attestations: list[Attestation] = []

    @field_validator("attestations")
    @classmethod
    def _predicate_types_are_unique(cls, value: list[Attestation]) -> list[Attestation]:
        if len({attestation.predicate_type for attestation in value}) != len(value):
            raise ValueError("a predicate type is listed twice: list each once")
        return value


class TrustPolicy(Document):
    """Accepted signers and required attestations of artifacts. Set by the Sovereign, never by an Environment."""

    kind: Literal["TrustPolicy"]
    spec: TrustSpec


@dataclass(frozen=True)
class Signer:
    """Verification data of an authority, by which its signatures are verified.

    Attributes:
        name: the authority's name.
        key: its public key (PEM); empty for a keyless authority.
        issuer: the OIDC issuer of a keyless authority.
        subject: the pattern of a keyless authority's identity, as in `Keyless`.
        root: the content of a keyless authority's trusted root.
    """

    name: str
    key: str = ""
    issuer: str = ""
    subject: str = ""
    root: str = ""
