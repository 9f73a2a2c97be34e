"""What the Kubernetes client's exceptions mean."""

from __future__ import annotations

import pytest
import urllib3.exceptions
from kubernetes import client

from reconciler.adapters.kubernetes.errors import error_from, failure_of
from reconciler.model.errors import AccessDeniedError, NotFoundError, ReconcilerError, UnavailableError
from tests.support.canary import CANARY


def answer(status: int) -> client.ApiException:
    error = client.ApiException(status=status, reason="Because")
    error.body, error.headers = f"body {CANARY}", {"Authorization": CANARY}
    return error


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (answer(401), AccessDeniedError, "AccessDenied"),
        (answer(403), AccessDeniedError, "AccessDenied"),
        (answer(404), NotFoundError, "FluxMissing"),
        (answer(500), UnavailableError, "WatchFailed"),
        (answer(0), UnavailableError, "WatchFailed"),
        (urllib3.exceptions.SSLError("certificate verify failed"), AccessDeniedError, "AccessDenied"),
        (client.ApiException(status=0, reason="SSLError\ncertificate verify failed"), AccessDeniedError, "AccessDenied"),
        (client.ApiException(status=0, reason="SSLError\nwrong version number"), UnavailableError, "WatchFailed"),
        (urllib3.exceptions.ProtocolError("gone"), UnavailableError, "WatchFailed"),
        (ConnectionRefusedError(), UnavailableError, "WatchFailed"),
        (TimeoutError(CANARY), UnavailableError, "WatchFailed"),
    ],
)
def test_what_an_exception_of_the_client_means(error: Exception, kind: type[ReconcilerError], reason: str) -> None:
    fault = error_from(error, "ctx")
    assert type(fault) is kind
    assert failure_of(fault).reason == reason
    assert "ctx" in fault.message
    assert CANARY not in str(fault)
