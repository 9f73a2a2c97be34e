"""Maps the client's exceptions to ReconcilerErrors. The only module that distinguishes them."""

from __future__ import annotations

from http.client import responses
from typing import Any, Final

import urllib3.exceptions
from kubernetes import client

from reconciler.model.errors import AccessDeniedError, NotFoundError, ReconcilerError, UnavailableError
from reconciler.model.flux import HELM_GROUP, HELM_VERSION
from reconciler.model.observation import Failure

# Everything that the client raises: its own exceptions, its transport's, the socket's, and those of parsing.
FOREIGN: Final = (client.ApiException, urllib3.exceptions.HTTPError, OSError, ValueError)

_MISSING: Final = 404
_DENIED: Final = (401, 403)
_FAILURES: Final[dict[type[ReconcilerError], Any]] = {AccessDeniedError: "AccessDenied", NotFoundError: "FluxMissing"}


def error_from(error: Exception, context: str, what: str = f"HelmReleases ({HELM_GROUP}/{HELM_VERSION})") -> ReconcilerError:
    """Returns the ReconcilerError of a client's exception; its message contains no header or body of the exchange."""
    if isinstance(error, client.ApiException) and error.status:
        status = _status(error.status)
        if error.status in _DENIED:
            return AccessDeniedError(f"the API server of {context} refuses the credentials of the kubeconfig ({status})")
        if error.status == _MISSING:
            return NotFoundError(f"the API server of {context} does not know {what}")
        return UnavailableError(f"the API server of {context} responded {status}")
    # The client turns a failed handshake into an ApiException of status 0, whose reason names the cause.
    if isinstance(error, client.ApiException | urllib3.exceptions.HTTPError) and "certificate" in str(error).lower():
        return AccessDeniedError(
            f"the certificate of the API server of {context} is not trusted, or it refuses the client certificate"
        )
    return UnavailableError(f"the API server of {context} did not respond ({type(error).__name__})")


def _status(status: int) -> str:
    """Returns an HTTP status with the standard's phrase: the server's own could be anything, even the credentials."""
    return f"{status} {responses[status]}" if status in responses else str(status)


def malformed_response(error: Exception, context: str) -> UnavailableError:
    """Returns the error of a response that does not follow the Kubernetes API."""
    return UnavailableError(f"the API server of {context} sent a malformed response ({type(error).__name__})")


def failure_of(error: ReconcilerError) -> Failure:
    """Returns the Failure (a row of the readiness rules) of a cluster's error."""
    return Failure(_FAILURES.get(type(error), "WatchFailed"), error.message)
