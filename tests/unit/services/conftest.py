"""Fixtures of the services' tests: an Environment on disk, pull requests against it, and a forge in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.environment_files import files
from tests.support.environments import EnvironmentOnDisk
from tests.support.fakes import FakeCommitStatusForge
from tests.support.pull_request_environment import EnvironmentWithPullRequests, HeldEnvironment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def wall() -> FakeCommitStatusForge:
    return FakeCommitStatusForge()


@pytest.fixture
def stage(tmp_path: Path) -> EnvironmentOnDisk:
    return EnvironmentOnDisk(tmp_path)


@pytest.fixture
def scene(tmp_path: Path) -> EnvironmentWithPullRequests:
    stage = EnvironmentOnDisk(tmp_path)
    stage.push(files("shop"))
    stage.start().run(wait=1)
    return EnvironmentWithPullRequests(stage)


@pytest.fixture
def waiting(scene: EnvironmentWithPullRequests) -> HeldEnvironment:
    return HeldEnvironment(scene)
