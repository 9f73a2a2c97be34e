"""Builds cosign's options for an authority: its key or identity, its trusted root and the required witnesses. Runs nothing.

An authority that no cosign could work with is rejected here, with its name: cosign would report a bad signature instead.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from reconciler.formats.trusted_root import NO_ROOT, requirements_for
from reconciler.model.errors import ConfigurationError
from reconciler.model.public_key import USABLE, unusable_kind

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.trust import Signer


def signer_flags(home: Path, signer: Signer) -> tuple[str, ...]:
    """Returns cosign's options for an authority, after writing its key and trusted root into the home directory of the run.

    The options always include a trusted root, because with one cosign refuses bundles of its own old format. Such a bundle could
    contain a valid signature and, beside it, unsigned, the content that is read afterwards.

    Raises:
        ConfigurationError: its key or its trusted root is invalid, or no certificate can contain its identity.
    """
    flags = requirements_for(signer).flags()
    root = home / "root.json"
    root.write_text(signer.root or NO_ROOT, encoding="utf-8")
    if signer.key:
        return (f"--key={_key_file(home, signer)}", f"--trusted-root={root}", *flags)
    if not (signer.issuer + signer.subject).isprintable():  # some of these characters could not be passed as an argument either
        raise ConfigurationError(
            f"the issuer or the subject of the authority {signer.name} contains an unprintable character",
            "remove the unprintable characters",
        )
    return (
        f"--trusted-root={root}",
        f"--certificate-oidc-issuer={signer.issuer}",
        f"--certificate-identity-regexp={identity_regexp(signer.subject)}",
        *flags,
    )


def identity_regexp(subject: str) -> str:
    """Returns the pattern of an identity as a Go regular expression over the whole of it; a `*` matches no `/` and no `@`."""
    return f"^{'[^/@]*'.join(re.escape(part) for part in subject.split('*'))}$"


def _key_file(home: Path, signer: Signer) -> Path:
    match = re.fullmatch(r"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", signer.key)
    try:
        base64.b64decode("".join(match[1].split()) if match else "?", validate=True)
    except binascii.Error:
        raise ConfigurationError(
            f"the key of the authority {signer.name} is not a PEM public key", "use the contents of cosign.pub"
        ) from None
    if kind := unusable_kind(signer.key):
        raise ConfigurationError(
            f"the key of the authority {signer.name} is {kind}, by which cosign cannot verify", f"give {USABLE}"
        )
    path = home / "key.pub"
    path.write_text(signer.key, encoding="ascii")
    return path
