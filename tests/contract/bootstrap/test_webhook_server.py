"""What the configuration makes of deliveries: the server, the service and the policies together."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog.testing

from reconciler.bootstrap.webhook_server import serve_http, webhook_registrar
from reconciler.config.settings import Settings
from reconciler.controller.wakeup_limiter import BURST, WINDOW
from reconciler.model.errors import ConfigurationError
from tests.support.controllers import ManagedOnGitea, is_quiet
from tests.support.environment_files import files
from tests.support.environments import EnvironmentOnDisk
from tests.support.fakes import FakeWebhookForge
from tests.support.measurements import measured
from tests.support.waiting import eventually
from tests.support.webhook_deliveries import SECRET, headed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.bootstrap.runtime import Runtime
    from reconciler.controller.controller import Controller


@dataclass
class ReceivingSovereign:
    """What is asked of a Runtime."""

    gitea: FakeWebhookForge | None = None
    looks: list[str] = field(default_factory=list)

    def refresh_policies(self) -> None:
        self.looks.append("policies")


def settings(**http: Any) -> Settings:
    return Settings(
        sovereign="test",
        state="state",
        catalogs=[{"prefix": "registry.example/openova"}],
        trust={"repository": "System/Catalyst-Config"},
        http=http,
    )


@dataclass
class Sender:
    """Gitea, as the server sees it."""

    port: int

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as client:
            client.request(method, path, body, headers or {})
            answer = client.getresponse()
            text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else text

    def push(self, repository: str, *, id_: str = "1") -> Any:
        body = json.dumps({"ref": "refs/heads/main", "repository": {"full_name": repository}}).encode()
        return self.ask("POST", "/webhook", body, headed(body, id_=id_))[1].get("result")


@contextmanager
def listening(service: Controller, world: ReceivingSovereign, **http: Any) -> Iterator[Sender]:
    with structlog.testing.capture_logs() as told, serve_http(settings(**http), cast("Runtime", world), service):
        (port,) = (one["port"] for one in told if one["event"] == "listening")
        yield Sender(port)
    assert SECRET not in str(told)


def test_a_thousand_deliveries_are_a_few_passes(tmp_path: Path) -> None:
    gitea = ManagedOnGitea()
    stage = gitea.add("prod", EnvironmentOnDisk(tmp_path))
    with (
        gitea.running(poll=3600, discover=3600) as service,
        listening(service, ReceivingSovereign(), listen="127.0.0.1:0", secret=SECRET) as it,
    ):
        eventually(lambda: it.ask("GET", "/readyz")[0] == 200 and is_quiet(service))
        stage.push(files("shop"))
        before, begun = passes(service), time.monotonic()
        answers = {it.push("Acme/Prod", id_=str(n)) for n in range(999)}
        stage.push(files("blog", "shop"))
        answers.add(it.push("Acme/Prod", id_="the last"))
        took = time.monotonic() - begun
        eventually(lambda: len(stage.trees("resolved")) == 2 and is_quiet(service))
        assert answers == {"accepted"}
        assert passes(service) - before <= BURST * (took / WINDOW + 2)
        assert f"{1000.0}" in it.ask("GET", "/metrics")[1].decode()


def passes(service: Controller) -> float:
    return sum(n for name, n in measured(service.health).items() if name.startswith("reconciler_passes_total"))


def test_a_change_of_policies_is_looked_at_before_all_else(tmp_path: Path) -> None:
    gitea, world = ManagedOnGitea(), ReceivingSovereign()
    stages = [gitea.add(name, EnvironmentOnDisk(tmp_path / name)) for name in ("prod", "stg")]
    with gitea.running(poll=3600, discover=3600) as service, listening(service, world, listen="127.0.0.1:0", secret=SECRET) as it:
        eventually(lambda: not service.health.readiness_problems() and is_quiet(service))
        for stage in stages:
            stage.push(files("shop"))
        assert it.push("system/catalyst-config") == "accepted"
        assert world.looks == ["policies"]
        eventually(lambda: all(stage.head("status") for stage in stages))


def test_a_repository_of_nobody_is_told_apart(tmp_path: Path) -> None:
    gitea = ManagedOnGitea()
    gitea.add("prod", EnvironmentOnDisk(tmp_path))
    with (
        gitea.running(poll=3600, discover=3600) as service,
        listening(service, ReceivingSovereign(), listen="[::1]:0", secret=SECRET) as it,
    ):
        pass
    del it
    with (
        gitea.running(poll=3600, discover=3600) as service,
        listening(service, ReceivingSovereign(), listen="127.0.0.1:0", secret=SECRET) as it,
    ):
        assert it.push("acme/elsewhere") == "unknown"
        assert b"elsewhere" not in it.ask("GET", "/metrics")[1]


def test_without_a_secret_only_the_signs_are_there() -> None:
    service = ManagedOnGitea().service()
    with listening(service, ReceivingSovereign(), listen="127.0.0.1:0") as it:
        assert it.ask("POST", "/webhook", b"{}", headed(b"{}"))[0] == 404
        assert it.ask("GET", "/healthz") == (503, {"ok": False, "reasons": ["4 of 4 workers ended"]})


def test_without_an_address_nothing_is_listened_to_or_registered() -> None:
    service, wall = ManagedOnGitea().service(), FakeWebhookForge()
    with serve_http(settings(), cast("Runtime", ReceivingSovereign()), service):
        pass
    webhook_registrar(settings(listen="127.0.0.1:0", secret=SECRET), cast("Runtime", ReceivingSovereign(wall)))("acme/prod")
    assert wall.calls == []


def test_the_address_is_where_the_webhook_leads() -> None:
    wall = FakeWebhookForge()
    told = settings(listen="127.0.0.1:0", secret=SECRET, address="http://reconciler.example/below/")
    webhook_registrar(told, cast("Runtime", ReceivingSovereign(wall)))("acme/prod")
    assert [hook.url for hook in wall.kept][1:] == ["http://reconciler.example/below/webhook"]


@pytest.mark.parametrize(
    ("http", "message"),
    [
        ({"secret": "fifteen letters"}, "too short"),
        ({"secret": ""}, "too short"),
        ({"secret": SECRET, "address": "http://reconciler.example"}, "for a Gitea, and none is configured"),
    ],
)
def test_what_cannot_be_registered_says_so(http: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        webhook_registrar(settings(listen="127.0.0.1:0", **http), cast("Runtime", ReceivingSovereign()))
