"""What a trusted root demands of a signature: a transparency log, a timestamp, or neither."""

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

NO_ROOT: Final = json.dumps({"mediaType": _ROOT_TYPE})  # a trusted root of nobody; with it cosign looks nothing up


@dataclass(frozen=True)
class WitnessRequirements:
    """What must come with a signature of one authority.

    For a key the key is the authority, and neither a certificate nor a witness is looked at. Where there is none, whoever the
    trusted root names must bear witness. A log's time is enough, since logs of the older kind come without a signed one; for the
    newer kind cosign itself demands a signed time. Without both, a certificate counts only while it is valid.

    Attributes:
        certificate: one of the authority's identity.
        certificate_log: the word of a log of certificates, in the certificate.
        log: the word of a log of signatures.
        time: a signed time.
    """

    certificate: bool = False
    certificate_log: bool = False
    log: bool = False
    time: bool = False

    def flags(self) -> tuple[str, ...]:
        """Cosign's options; for all that is not demanded it must be told."""
        told = {
            "--insecure-ignore-sct": self.certificate and not self.certificate_log,
            "--insecure-ignore-tlog": not self.log,
            "--use-signed-timestamps": self.time,
        }
        return tuple(flag for flag, is_told in told.items() if is_told)


def requirements_for(signer: Signer) -> WitnessRequirements:
    """What must come with a signature of this authority. Misconfigured when its trusted root is none."""
    if signer.key:
        return WitnessRequirements()
    root = _trusted_root(signer)
    log = bool(root.get("tlogs"))
    time = bool(root.get("timestampAuthorities")) and not log
    return WitnessRequirements(certificate=True, certificate_log=bool(root.get("ctlogs")), log=log, time=time)


def invalid_trusted_root(signer: Signer, why: str) -> ConfigurationError:
    """What is wrong with an authority's trusted root."""
    return ConfigurationError(
        f"the trusted root of the authority {signer.name} {why}", "make it with `cosign trusted-root create`"
    )


def _trusted_root(signer: Signer) -> dict[str, list[Any]]:
    """The parts of a trusted root. One of another name could be a witness that we do not know to demand."""
    try:
        root = json.loads(signer.root, object_pairs_hook=reject_duplicate_keys)
    except (ValueError, RecursionError):
        raise invalid_trusted_root(signer, "is no JSON, or has a key twice") from None
    if not isinstance(root, dict) or root.pop("mediaType", None) != _ROOT_TYPE:
        raise invalid_trusted_root(signer, f"is no object of the media type {_ROOT_TYPE}")
    if strange := sorted(root.keys() - set(_ROOT_PARTS)):
        raise invalid_trusted_root(signer, f"has {', '.join(strange)}, which is none of its parts: {', '.join(_ROOT_PARTS)}")
    if wrong := sorted(part for part, value in root.items() if not isinstance(value, list)):
        raise invalid_trusted_root(signer, f"has {', '.join(wrong)}, which is no list")
    if not root.get("certificateAuthorities"):
        raise invalid_trusted_root(signer, "names no certificate authority")
    return root
