"""Reads the secrets of the configuration: from the environment, the configuration, or the file that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

    from reconciler.config.sections import GiteaSection, HttpSection

MIN_SECRET: Final = 16  # characters: fewer could be guessed from one signed delivery


def token_of(gitea: GiteaSection) -> str:
    """The token for Gitea, from the environment, the configuration or its file.

    Raises:
        ConfigurationError: there is no token, or its file cannot be read.
    """
    token = _read_secret("gitea.token", gitea.token, gitea.token_file)
    if token is None:
        raise ConfigurationError("gitea needs a token", "set gitea.tokenFile, or CATALYST_GITEA__TOKEN in the environment")
    return token


def secret_of(http: HttpSection) -> str | None:
    """The secret that signs deliveries; None when there is none.

    Raises:
        ConfigurationError: it is too short, or its file cannot be read.
    """
    secret = _read_secret("http.secret", http.secret, http.secret_file)
    if secret is not None and len(secret) < MIN_SECRET:
        hint = f"use at least {MIN_SECRET} characters; create it with: openssl rand -hex 32"
        raise ConfigurationError("http.secret is too short: it can be guessed", hint)
    return secret


def webhook_endpoint(http: HttpSection) -> tuple[str, str] | None:
    """The url for deliveries, and the secret that signs them; None when no address is configured.

    Raises:
        ConfigurationError: the secret is too short, or its file cannot be read.
    """
    secret = secret_of(http)
    return (f"{http.address.rstrip('/')}/webhook", secret) if http.address is not None and secret is not None else None


def _read_secret(name: str, secret: SecretStr | None, file: Path | None) -> str | None:
    """A secret from the configuration or its file; None without either.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if secret is not None:
        return secret.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}File {file} is not UTF-8 text") from None
    except OSError as error:
        raise ConfigurationError(f"{name}File {file} cannot be read: {error.strerror}") from None
