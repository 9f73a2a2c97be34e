"""An Environment under a policy that requires approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.environment_files import files
from tests.support.environment_policies import REQUIRED, environment_policy, read_policies
from tests.support.environments import EnvironmentOnDisk
from tests.support.governed_environment import GovernedEnvironment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> GovernedEnvironment:
    stage = EnvironmentOnDisk(tmp_path)
    stage.push(files("shop"))
    stage.start().run(wait=1)
    made = GovernedEnvironment(stage)
    made.policies = read_policies(environment_policy(REQUIRED))
    return made
