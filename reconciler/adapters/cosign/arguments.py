"""What must come with a signature of an authority, and how cosign is told so. Nothing here runs cosign.

What no cosign could work with is refused here, with the authority's name: cosign would call it a bad signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from reconciler.formats.trusted_root import NO_ROOT, requirements_for
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.trust import Signer


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
