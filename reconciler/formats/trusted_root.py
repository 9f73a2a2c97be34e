"""Reads from a trusted root which witnesses a signature requires: a transparency log, a time stamp, or neither."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.formats.in_toto import reject_duplicate_keys
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from reconciler.model.trust import Signer

_ROOT_TYPE: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"

_ROOT_PARTS: Final = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")

NO_ROOT: Final = json.dumps({"mediaType": _ROOT_TYPE})  # a trusted root without authorities; with it cosign requests nothing


@dataclass(frozen=True)
class WitnessRequirements:
    """The witnesses that a signature of one authority requires.

    A key is an authority by itself, and neither a certificate nor a witness is checked. Without a key, the witnesses that the
    trusted root names are required. The time of a log is sufficient, since logs of the older kind have no signed time; for the
    newer kind cosign itself requires a signed time. Without both, a certificate counts only while it is valid.

    Attributes:
        certificate: a certificate of the authority's identity.
        certificate_log: the promise of a log of certificates, in the certificate.
        log: the entry of a log of signatures.
        time: a signed time stamp.
    """

    certificate: bool = False
    certificate_log: bool = False
    log: bool = False
    time: bool = False

    def flags(self) -> tuple[str, ...]:
        """Returns cosign's options, by which each witness that is not required must be switched off."""
        options = {
            "--insecure-ignore-sct": self.certificate and not self.certificate_log,
            "--insecure-ignore-tlog": not self.log,
            "--use-signed-timestamps": self.time,
        }
        return tuple(flag for flag, applies in options.items() if applies)


def requirements_for(signer: Signer) -> WitnessRequirements:
    """Returns the witnesses that a signature of this authority requires; ConfigurationError when its trusted root is invalid."""
    if signer.key:
        return WitnessRequirements()
    root = _trusted_root(signer)
    log = bool(root.get("tlogs"))
    time = bool(root.get("timestampAuthorities")) and not log
    return WitnessRequirements(certificate=True, certificate_log=bool(root.get("ctlogs")), log=log, time=time)


def invalid_trusted_root(signer: Signer, defect: str) -> ConfigurationError:
    """Returns the error of an authority's invalid trusted root."""
    return ConfigurationError(
        f"the trusted root of the authority {signer.name} {defect}", "make it with `cosign trusted-root create`"
    )


def _trusted_root(signer: Signer) -> dict[str, list[Any]]:
    """Returns the parts of a trusted root. An unknown part is rejected: it could be a witness that would not be required."""
    try:
        root = json.loads(signer.root, object_pairs_hook=reject_duplicate_keys)
    except (ValueError, RecursionError):
        raise invalid_trusted_root(signer, "is not JSON, or has a duplicate key") from None
    if not isinstance(root, dict) or root.pop("mediaType", None) != _ROOT_TYPE:
        raise invalid_trusted_root(signer, f"is not an object of the media type {_ROOT_TYPE}")
    if unknown := sorted(root.keys() - set(_ROOT_PARTS)):
        raise invalid_trusted_root(signer, f"has {', '.join(unknown)}, which is not one of its parts: {', '.join(_ROOT_PARTS)}")
    if wrong := sorted(part for part, value in root.items() if not isinstance(value, list)):
        raise invalid_trusted_root(signer, f"has {', '.join(wrong)}, which is not a list")
    if not root.get("certificateAuthorities"):
        raise invalid_trusted_root(signer, "names no certificate authority")
    return root
