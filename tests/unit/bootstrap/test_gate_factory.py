from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.bootstrap.gate_factory import AdmissionGateFactory
from reconciler.config.settings import read_settings
from reconciler.controller.discovery import EnvironmentTarget
from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.model.environment import EnvironmentIdentity
from reconciler.services.admission.soak_history import SoakHistory

if TYPE_CHECKING:
    from pathlib import Path


def target(where: str, *, named: bool = False) -> EnvironmentTarget:
    owner, _, name = where.partition("/")
    return EnvironmentTarget(
        EnvironmentIdentity(name, None if named else owner), f"https://gitea.example/{where}.git", None, where
    )


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([target("acme/acme-stg")], True),
        ([target("evil/acme-stg")], False),
        ([target("acme/acme-stg"), target("evil/acme-stg")], True),
        ([target("other/acme-stg", named=True)], True),
        ([target("acme/acme-stg"), target("other/acme-stg", named=True)], False),
        ([], False),
    ],
)
def test_only_an_environment_of_the_same_owner_or_one_that_is_configured_is_followed(
    tmp_path: Path, there: list[EnvironmentTarget], found: bool
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("sovereign: s\nstate: s\ncatalogs: [{prefix: r.example/c}]\ntrust: {directory: t}\n")
    gates = AdmissionGateFactory(
        read_settings(file), None, EnvironmentPolicies, lambda t, folder: Repository(folder / t.display_name, t.url)
    )
    gates.set_known_environments({one.display_name: one for one in there})
    history = gates._soak_source("acme-stg", follower=target("acme/acme-prod"), folder=tmp_path)
    assert isinstance(history, SoakHistory) is found
    if isinstance(history, str):
        assert "called acme-stg, of acme or in the configuration" in history
    else:
        assert gates._soak_source("acme-stg", follower=target("acme/acme-prod"), folder=tmp_path) is history
