"""What the client's exceptions mean. The only place where they are told apart."""

from __future__ import annotations

from http.client import responses
from typing import Any, Final

import urllib3.exceptions
from kubernetes import client

from reconciler.model.errors import AccessDeniedError, NotFoundError, ReconcilerError, UnavailableError
from reconciler.model.observation import Failure

# Whatever the client lets through: its own, its transport's, the socket's, and what parsing raises.
FOREIGN: Final = (client.ApiException, urllib3.exceptions.HTTPError, OSError, ValueError)

_MISSING: Final = 404
_DENIED: Final = (401, 403)
_FAILURES: Final[dict[type[ReconcilerError], Any]] = {AccessDeniedError: "AccessDenied", NotFoundError: "FluxMissing"}


def error_from(error: Exception, context: str, what: str = "HelmReleases (helm.toolkit.fluxcd.io/v2)") -> ReconcilerError:
    """What an exception of the client means; no header or body of the exchange is in the message."""
    if isinstance(error, client.ApiException) and error.status:
        answer = _status(error.status)
        if error.status in _DENIED:
            return AccessDeniedError(f"the API server of {context} refuses our credentials ({answer})")
        if error.status == _MISSING:
            return NotFoundError(f"the API server of {context} does not know {what}")
        return UnavailableError(f"the API server of {context} answered {answer}")
    # The client turns a failed handshake into an ApiException of status 0, whose reason is what was wrong.
    if isinstance(error, client.ApiException | urllib3.exceptions.HTTPError) and "certificate" in str(error).lower():
        return AccessDeniedError(f"the certificate of the API server of {context} is refused, or ours by it")
    return UnavailableError(f"the API server of {context} did not answer ({type(error).__name__})")


def _status(status: int) -> str:
    """An HTTP status in the standard's words: a server's own could be anything, our credentials too."""
    return f"{status} {responses[status]}" if status in responses else str(status)


def malformed_response(error: Exception, context: str) -> UnavailableError:
    """The fault of an answer that is none of what Kubernetes answers."""
    return UnavailableError(f"what the API server of {context} answered was not understood ({type(error).__name__})")


def failure_of(fault: ReconcilerError) -> Failure:
    """The row of readiness.md that a fault of a cluster is."""
    return Failure(_FAILURES.get(type(fault), "WatchFailed"), fault.message)
