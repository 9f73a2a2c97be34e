"""`reconciler run`."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
from typing import TYPE_CHECKING, Annotated, Final

import structlog
import typer

from reconciler.bootstrap.runtime import Runtime
from reconciler.bootstrap.state_lock import state_lock
from reconciler.bootstrap.webhook_server import controller_health, serve_http, webhook_registrar
from reconciler.cli import console, logs
from reconciler.cli.options import ConfigOption
from reconciler.config.settings import read_settings
from reconciler.controller.controller import Controller

if TYPE_CHECKING:
    from types import FrameType

PASS_GRACE = 20.0  # seconds a pass under way may take to end after SIGTERM; Kubernetes gives 30

COLLECT: Final = (700, 10, 10)  # Python's own thresholds: the start raises them, and this process runs for months

log = structlog.get_logger()


def run(
    config: ConfigOption,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also log passes without changes.")] = False,
) -> None:
    """Reconcile all Environments continuously, until SIGTERM or Ctrl-C.

    Logs to standard error: one JSON object per line, columns on a terminal. On SIGTERM it finishes the running passes; a
    pass that takes longer than 20 s is abandoned, which is safe: the next start completes it.

    With `http.listen` in the configuration it serves `/healthz`, `/readyz` and `/metrics`, and Gitea's webhook at `/webhook`.

    Exit codes: 0 it was stopped; 3 the configuration cannot work, or another reconciler uses its state directory.
    """
    gc.set_threshold(*COLLECT)
    logs.configure(verbose=verbose)
    settings = read_settings(config)
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    service: Controller

    def on_change(context: str) -> None:
        service.cluster_changed(context)

    with state_lock(settings.state), contextlib.closing(Runtime(settings, on_change=on_change)) as runtime:
        runtime.check()
        service = Controller(
            runtime.targets,
            runtime.environment_pass,
            workers=settings.workers,
            poll=settings.intervals.poll,
            discover=settings.intervals.discover,
            health=controller_health(settings),
            after_pass=webhook_registrar(settings, runtime),
            publish_policies=runtime.publish_policies,
            clock_ahead=runtime.clock_ahead,
        )
        with serve_http(settings, runtime, service):
            service.start()
            log.info("running", state=str(settings.state), workers=settings.workers)
            stop.wait()
        ended = service.stop(PASS_GRACE)
    log.info("stopped", abandoned=not ended)
    raise typer.Exit(console.OK)
