"""The order of a whole run, and the end of what its processes left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A property's example that takes as long as this is one that hangs. The 200 ms of hypothesis itself are of a machine that does
# nothing else: here the processors are shared with all the servers.
settings.register_profile("beside", deadline=2000)
settings.load_profile("beside")

SANDBOX = Path(__file__).parents[1] / "deploy" / "sandbox"

SLOWEST = (
    "test_policy",
    "test_main_job",
    "test_lock_bound",
    "test_pull_requests",
    "test_canary",
    "test_observation",
)
"""Files by the seconds they take, as `.ci/run` was seen to do them: whoever begins one last is waited for."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the slowest files where several processes share them; then the others on servers, which mostly wait."""
    if hasattr(config, "workerinput"):  # one of pytest-xdist's processes
        items.sort(key=_begun)


def _begun(item: pytest.Item) -> tuple[int, bool]:
    place = SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST)
    return place, item.get_closest_marker("live") is None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take down the sandboxes of processes that were ended before they could: an interrupted run gives them some seconds."""
    if session.config.pluginmanager.has_plugin("dsession"):  # the process that the others were started by
        base: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        for servers in base.glob("popen-*/*/*/servers.json"):
            subprocess.run([sys.executable, str(SANDBOX), "down", "--state", str(servers.parent)], check=True)
