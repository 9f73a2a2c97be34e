"""The secrets of the configuration: from the environment, the configuration, or the file that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from reconciler.config.sections import GiteaSection, HttpSection

LEAST_SECRET: Final = 16  # characters: fewer could be guessed by one who has seen a signed delivery


def token_of(gitea: GiteaSection) -> str:
    """Gitea's token, from the environment, the configuration or its file.

    Raises:
        ConfigurationError: there is none, or its file cannot be read.
    """
    token = _kept("gitea.token", gitea.token, gitea.token_file)
    if token is None:
        raise ConfigurationError("gitea needs a token", "set gitea.tokenFile, or CATALYST_GITEA__TOKEN in the environment")
    return token


def secret_of(http: HttpSection) -> str | None:
    """The secret of deliveries; None when there is none.

    Raises:
        ConfigurationError: it is too short, or its file cannot be read.
    """
    secret = _kept("http.secret", http.secret, http.secret_file)
    if secret is not None and len(secret) < LEAST_SECRET:
        hint = f"make one of at least {LEAST_SECRET} characters, such as by: openssl rand -hex 32"
        raise ConfigurationError("http.secret is too short to keep anybody out", hint)
    return secret


def webhook_endpoint(http: HttpSection) -> tuple[str, str] | None:
    """Where deliveries are to go, and what they are to be signed with; None when no address is configured.

    Raises:
        ConfigurationError: the secret is too short, or its file cannot be read.
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
        raise ConfigurationError(f"{name}File {file} is no text") from None
    except OSError as error:
        raise ConfigurationError(f"{name}File {file} cannot be read: {error.strerror}") from None
