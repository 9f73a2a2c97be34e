"""The configuration of single hosts: plain HTTP, a certificate authority of their own, token servers on other hosts.

One registry has a name of its own and an address under another: Docker Hub. Its names, its token server and the keys of its
credentials are well known, and every client of it has them built in.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from reconciler.adapters.registry.urls import host_of
from reconciler.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_EXPIRED = {9, 10}  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED
_OTHER_NAME = {62, 64}  # _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH

_DOCKER_HUB: Final = "registry-1.docker.io"
_DOCKER_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io", _DOCKER_HUB})
_DOCKER_HUB_TOKENS: Final = "auth.docker.io"


def address_of(host: str) -> str:
    """Returns the `host` or `host:port` at which a registry is reached: its name, but for Docker Hub."""
    return _DOCKER_HUB if host in _DOCKER_HUB_NAMES else host


def repository_address(host: str, path: str) -> str:
    """Returns the path of a repository on its host; on Docker Hub one without a folder is in `library`."""
    return f"library/{path}" if host in _DOCKER_HUB_NAMES and "/" not in path else path


def credential_names(address: str) -> frozenset[str]:
    """Returns the names under which credentials for the registry at an address may be stored."""
    return _DOCKER_HUB_NAMES if address in _DOCKER_HUB_NAMES else frozenset({address.lower().removesuffix(":443")})


@dataclass(frozen=True)
class Hosts:
    """The rules, by `host` or `host:port`.

    Attributes:
        plain_http: the hosts that are contacted without TLS.
        authorities: files of PEM certificates; a host with a file is trusted by its certificates alone.
        token_hosts: other hosts that issue a registry's tokens and may receive its credentials.
    """

    plain_http: Collection[str]
    authorities: Mapping[str, Path]
    token_hosts: Mapping[str, Collection[str]]

    def base(self, host: str) -> str:
        """Returns the base URL of a host, such as `https://ghcr.io`."""
        return f"{'http' if host in self.plain_http else 'https'}://{address_of(host)}"

    def token_origins(self, host: str) -> set[str]:
        """Returns the origins besides a registry itself to which its credentials may be sent for a token."""
        token_hosts = [token_host for name in _names(host) for token_host in self.token_hosts.get(name, ())]
        well_known = [_DOCKER_HUB_TOKENS] if host in _DOCKER_HUB_NAMES else []
        return {
            origin for token_host in (*token_hosts, *well_known) for origin in (f"https://{token_host}", self.base(token_host))
        }

    def verification(self, url: str) -> dict[str, str]:
        """Returns urllib3's options to verify a host's certificate: its own authority's file, else none for the system's.

        Raises:
            ConfigurationError: the file cannot be read. It is read each time, so that it may be changed at any time.
        """
        file, host = self._authority(url), host_of(url)
        if file is None:
            return {}
        try:
            with file.open("rb"):  # raises with the reason when it cannot be opened
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(str(file))
        except ssl.SSLError:
            raise ConfigurationError(f"the CA file {file} of {host} contains no certificates", "it must be in PEM form") from None
        except OSError as error:
            raise ConfigurationError(
                f"the CA file {file} of {host} cannot be read: {error.strerror}", "correct `ca` under registry.hosts"
            ) from None
        return {"ca_certs": str(file)}

    def certificate_error(self, url: str, what: str, error: BaseException) -> UnavailableError | None:
        """Returns the error of a certificate that cannot be verified; None when the cause is another."""
        reason = _certificate_error(error)
        if reason is None:
            return None
        host = host_of(url)
        if reason.verify_code in _EXPIRED:
            hint = "renew the certificate, or correct the clock of this machine"
        elif reason.verify_code in _OTHER_NAME:
            hint = "use the name that the certificate is for, or issue one for this name"
        elif (file := self._authority(url)) is not None:
            hint = f"{file}, its CA under registry.hosts, did not issue it"
        else:
            hint = f"add its CA under registry.hosts: {{host: {host}, ca: FILE}}"
        cause = reason.verify_message.rstrip(".")
        return UnavailableError(f"{what}: {host} presents a certificate that cannot be verified: {cause}", hint)

    def _authority(self, url: str) -> Path | None:
        """Returns a host's own authority; over https `host:443` is the same host as `host`."""
        host = urlsplit(url).netloc.lower()
        names = (*_names(host), host.removesuffix(":443"))
        return next((self.authorities[name] for name in names if name in self.authorities), None)


def _names(host: str) -> tuple[str, ...]:
    """Returns the names under which a registry may be configured, by the address at which it is reached."""
    return tuple(sorted(_DOCKER_HUB_NAMES)) if host in _DOCKER_HUB_NAMES else (host,)


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Returns the verification error in a chain of exceptions, which urllib3 wraps as a cause, a context or an argument."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        inner = next((argument for argument in error.args if isinstance(argument, BaseException)), None)
        error = inner or error.__cause__ or error.__context__
    return error
