"""What is configured about single hosts: without TLS, with a certificate authority of their own, with tokens from elsewhere."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.adapters.registry.urls import host_of
from reconciler.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_EXPIRED = {9, 10}  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED
_OTHER_NAME = {62, 64}  # _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH


@dataclass(frozen=True)
class Hosts:
    """The rules, by `host` or `host:port`.

    Attributes:
        plain_http: those spoken to without TLS.
        authorities: files of PEM certificates; a host that has one is believed by these alone.
        token_hosts: other hosts that issue a registry's tokens and may be sent its credentials.
    """

    plain_http: Collection[str]
    authorities: Mapping[str, Path]
    token_hosts: Mapping[str, Collection[str]]

    def base(self, host: str) -> str:
        """The URL that everything of a host starts with, such as `https://ghcr.io`."""
        return f"{'http' if host in self.plain_http else 'https'}://{host}"

    def token_origins(self, host: str) -> set[str]:
        """Where a registry's credentials may be sent for a token, besides itself."""
        return {place for other in self.token_hosts.get(host, ()) for place in (f"https://{other}", self.base(other))}

    def verification(self, url: str) -> dict[str, str]:
        """What urllib3 holds a host's certificate against: its own authority's file, else (nothing said) the system's.

        Raises:
            ConfigurationError: the file cannot be read. It is looked at each time, so that it may be changed at any time.
        """
        file, host = self._authority(url), host_of(url)
        if file is None:
            return {}
        try:
            with file.open("rb"):  # the reason, when it cannot be opened
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(str(file))
        except ssl.SSLError:
            raise ConfigurationError(f"the CA file {file} of {host} holds no certificates", "it must be in PEM form") from None
        except OSError as error:
            raise ConfigurationError(
                f"the CA file {file} of {host} cannot be read: {error.strerror}", "correct `ca` under registry.hosts"
            ) from None
        return {"ca_certs": str(file)}

    def certificate_error(self, url: str, what: str, error: BaseException) -> UnavailableError | None:
        """The ReconcilerError of a certificate that does not hold; None when that is not what went wrong."""
        reason = _certificate_error(error)
        if reason is None:
            return None
        host = host_of(url)
        if reason.verify_code in _EXPIRED:
            hint = "have it renewed; or is the clock of this machine wrong?"
        elif reason.verify_code in _OTHER_NAME:
            hint = "use the name that the certificate is for, or have it made for this one"
        elif (file := self._authority(url)) is not None:
            hint = f"{file}, its CA under registry.hosts, did not issue it"
        else:
            hint = f"add its CA under registry.hosts: {{host: {host}, ca: FILE}}"
        words = reason.verify_message.rstrip(".")
        return UnavailableError(f"{what}: {host} shows a certificate that cannot be verified: {words}", hint)

    def _authority(self, url: str) -> Path | None:
        """A host's own authority; `host:443` is the same host by https as `host`."""
        host = urlsplit(url).netloc.lower()
        return self.authorities.get(host) or self.authorities.get(host.removesuffix(":443"))


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The first cause, which urllib3 wraps as a cause, a context or an argument."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        inner = next((one for one in error.args if isinstance(one, BaseException)), None)
        error = inner or error.__cause__ or error.__context__
    return error
