"""The secrets of the configuration: from the environment, the configuration, or the file that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.model.faults import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from reconciler.loop.parts import GiteaPart, HttpPart

LEAST_SECRET: Final = 16  # characters: fewer could be guessed by one who has seen a signed delivery


def token_of(gitea: GiteaPart) -> str:
    """Gitea's token, from the environment, the configuration or its file.

    Raises:
        Misconfigured: there is none, or its file cannot be read.
    """
    token = _kept("gitea.token", gitea.token, gitea.token_file)
    if token is None:
        raise Misconfigured("gitea needs a token", "set gitea.tokenFile, or CATALYST_GITEA__TOKEN in the environment")
    return token


def secret_of(http: HttpPart) -> str | None:
    """The secret of deliveries; None when there is none.

    Raises:
        Misconfigured: it is too short, or its file cannot be read.
    """
    secret = _kept("http.secret", http.secret, http.secret_file)
    if secret is not None and len(secret) < LEAST_SECRET:
        hint = f"make one of at least {LEAST_SECRET} characters, such as by: openssl rand -hex 32"
        raise Misconfigured("http.secret is too short to keep anybody out", hint)
    return secret


def webhook_of(http: HttpPart) -> tuple[str, str] | None:
    """Where deliveries are to go, and what they are to be signed with; None when no address is configured.

    Raises:
        Misconfigured: the secret is too short, or its file cannot be read.
    """
    secret = secret_of(http)
    return (f"{http.address.rstrip('/')}/webhook", secret) if http.address is not None and secret is not None else None


def _kept(name: str, secret: SecretStr | None, file: Path | None) -> str | None:
    """A secret from where it is kept; raises Misconfigured when its file cannot be read."""
    if secret is not None:
        return secret.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise Misconfigured(f"{name}File {file} is no text") from None
    except OSError as error:
        raise Misconfigured(f"{name}File {file} cannot be read: {error.strerror}") from None
