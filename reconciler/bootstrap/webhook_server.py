"""Builds the HTTP server of `run` from the configuration, and the registration of the webhook that calls it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import structlog

from reconciler.adapters.http_server import HttpServer, Probes
from reconciler.adapters.metrics import CONTENT_TYPE, Metrics
from reconciler.config.secrets import secret_of, webhook_endpoint
from reconciler.controller.health import Health
from reconciler.controller.webhook_handler import WebhookHandler
from reconciler.controller.webhook_registration import WebhookRegistrar
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.bootstrap.runtime import Runtime
    from reconciler.config.settings import Settings
    from reconciler.controller.controller import Controller

log = structlog.get_logger()


def controller_health(settings: Settings) -> Health:
    """Builds the health of a controller, with the metrics that the server publishes."""
    return Health(Metrics(), settings.clusters.stale_after)


def webhook_registrar(settings: Settings, runtime: Runtime) -> Callable[[str], None]:
    """Builds the function that keeps the webhook of a repository registered; it does nothing when no address is configured.

    Raises:
        ConfigurationError: an address is configured, but no Gitea or no valid secret.
    """
    webhook = webhook_endpoint(settings.http)
    if webhook is None:
        return lambda _: None
    if runtime.gitea is None:
        raise ConfigurationError(
            "http.address is for a Gitea, and none is configured", "configure gitea, or take the address away"
        )
    every, retry = settings.intervals.confirm, settings.intervals.retry
    return WebhookRegistrar(runtime.gitea, *webhook, every=every, retry=retry).ensure


@contextlib.contextmanager
def serve_http(settings: Settings, runtime: Runtime, service: Controller) -> Iterator[None]:
    """Serves HTTP for the time of the context, where an address to listen on is configured.

    Raises:
        ConfigurationError: it cannot listen, or its secret is too short or unreadable.
    """
    if settings.http.listen is None:
        yield
        return
    system = (settings.trust.repository or "").lower()

    def wake(repository: str) -> bool:
        if repository != system:
            return service.wake(repository)
        runtime.refresh_policies()
        service.wake_all()
        return True

    host, _, port = settings.http.listen.rpartition(":")
    metrics, secret = service.health.metrics, secret_of(settings.http)
    probes = Probes(service.liveness_problems, service.health.readiness_problems, lambda: (metrics.text(), CONTENT_TYPE))
    webhook = WebhookHandler(secret, wake, metrics.record_delivery) if secret is not None else None
    with HttpServer(host.strip("[]"), int(port), probes, webhook) as server:
        log.info("listening", host=host, port=server.port, webhook=webhook is not None)
        yield
