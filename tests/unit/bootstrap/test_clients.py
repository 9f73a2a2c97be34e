"""Clients built from the configuration."""

from __future__ import annotations

from pathlib import Path

from reconciler.bootstrap.clients import repository
from reconciler.config.sections import CatalogSection, TrustSection
from reconciler.config.settings import Settings
from reconciler.controller.discovery import EnvironmentTarget
from reconciler.model.environment import EnvironmentIdentity

SETTINGS = Settings(
    sovereign="test",
    state=Path("state"),
    catalogs=[CatalogSection(prefix="registry.example/openova")],
    trust=TrustSection(directory=Path("trust")),
)


def test_clones_of_two_repositories_never_share_a_folder(tmp_path: Path) -> None:
    for url in ("/a", "/b"):
        target = EnvironmentTarget(EnvironmentIdentity("acme-prod"), f"{tmp_path}{url}", None)
        clone = repository(SETTINGS, target, tmp_path / "clones")
        clone.write({"a": b""}, parent=None, message="x", time=0)
    assert len(list((tmp_path / "clones").iterdir())) == 2
