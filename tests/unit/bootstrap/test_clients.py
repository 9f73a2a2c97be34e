"""Clients built from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.bootstrap.clients import repository
from reconciler.controller.discovery import EnvironmentTarget
from reconciler.model.environment import EnvironmentIdentity

if TYPE_CHECKING:
    from pathlib import Path


def test_clones_of_two_repositories_never_share_a_folder(tmp_path: Path) -> None:
    for url in ("/a", "/b"):
        clone = repository(EnvironmentTarget(EnvironmentIdentity("acme-prod"), f"{tmp_path}{url}", None), tmp_path / "clones")
        clone.write({"a": b""}, parent=None, message="x", time=0)
    assert len(list((tmp_path / "clones").iterdir())) == 2
