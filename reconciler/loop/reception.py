"""From the configuration to the server of `run`, and to the webhook that leads to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import structlog

from reconciler.loop.deliveries import Deliveries
from reconciler.loop.hooks import Registration
from reconciler.loop.secrets import secret_of, webhook_of
from reconciler.model.faults import Misconfigured
from reconciler.world.metrics import CONTENT_TYPE
from reconciler.world.receiver import Receiver, Signs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.loop.assemble import Runtime
    from reconciler.loop.service import Service
    from reconciler.loop.settings import Settings

log = structlog.get_logger()


def registration(settings: Settings, runtime: Runtime) -> Callable[[str], None]:
    """What looks after the webhook of a repository; it does nothing when no address is configured.

    Raises:
        Misconfigured: there is an address, but no Gitea or no good secret.
    """
    webhook = webhook_of(settings.http)
    if webhook is None:
        return lambda _: None
    if runtime.gitea is None:
        raise Misconfigured("http.address is for a Gitea, and none is configured", "configure gitea, or take the address away")
    every, retry = settings.intervals.confirm, settings.intervals.retry
    return Registration(runtime.gitea, *webhook, every=every, retry=retry).keep


@contextlib.contextmanager
def receiving(settings: Settings, runtime: Runtime, service: Service) -> Iterator[None]:
    """Have the server run meanwhile, if one is configured.

    Raises:
        Misconfigured: it cannot listen, or its secret is none.
    """
    if settings.http.listen is None:
        yield
        return
    system = (settings.trust.repository or "").lower()

    def wake(repository: str) -> bool:
        if repository != system:
            return service.woken(repository)
        runtime.look_at_policies()
        service.all_woken()
        return True

    host, _, port = settings.http.listen.rpartition(":")
    metrics, secret = service.health.metrics, secret_of(settings.http)
    signs = Signs(service.broken, service.health.unready, lambda: (metrics.text(), CONTENT_TYPE))
    webhook = Deliveries(secret, wake, metrics.delivered) if secret is not None else None
    with Receiver(host.strip("[]"), int(port), signs, webhook) as receiver:
        log.info("listening", host=host, port=receiver.port, webhook=webhook is not None)
        yield
