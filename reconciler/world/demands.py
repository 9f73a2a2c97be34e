"""What must come with a signature of an authority, and how cosign is told so. Nothing here runs cosign.

What no cosign could work with is refused here, with the authority's name: cosign would call it a bad signature.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.model.faults import ConfigurationError
from reconciler.world.statements import reject_duplicate_keys

if TYPE_CHECKING:
    from pathlib import Path

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


def signer_flags(home: Path, signer: Signer) -> tuple[str, ...]:
    """Cosign's options for an authority, whose key and root are written into a run's home.

    Always with a trusted root: it makes cosign refuse a bundle of its own old kind. Such a one could hold a good signature, and
    beside it, unsigned, what we would read.

    Raises:
        ConfigurationError: its key is none, its trusted root is none, or its identity is none that a certificate can have.
    """
    flags = requirements_for(signer).flags()
    root = home / "root.json"
    root.write_text(signer.root or NO_ROOT, encoding="utf-8")
    if signer.key:
        return (f"--key={_key_file(home, signer)}", f"--trusted-root={root}", *flags)
    if not (signer.issuer + signer.subject).isprintable():  # nor could some characters be in an argument
        raise ConfigurationError(
            f"the issuer or the subject of the authority {signer.name} has a character that no identity has",
            "remove what cannot be printed",
        )
    return (
        f"--trusted-root={root}",
        f"--certificate-oidc-issuer={signer.issuer}",
        f"--certificate-identity-regexp={identity_regexp(signer.subject)}",
        *flags,
    )


def identity_regexp(subject: str) -> str:
    """The pattern of an identity as Go's expression, for the whole of it; a `*` reaches past no `/` and no `@`."""
    return f"^{'[^/@]*'.join(re.escape(part) for part in subject.split('*'))}$"


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


def _key_file(home: Path, signer: Signer) -> Path:
    match = re.fullmatch(r"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", signer.key)
    try:
        base64.b64decode("".join(match[1].split()) if match else "?", validate=True)
    except binascii.Error:
        raise ConfigurationError(
            f"the key of the authority {signer.name} is no PEM public key", "use the contents of cosign.pub"
        ) from None
    path = home / "key.pub"
    path.write_text(signer.key, encoding="ascii")
    return path
