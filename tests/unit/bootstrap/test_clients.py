"""Clients built from the configuration."""

from __future__ import annotations

from pathlib import Path

from reconciler.bootstrap.clients import commit_keys, create_signing_key, repository
from reconciler.config.sections import CatalogSection, SigningSection, TrustSection
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


def test_a_key_is_made_once_where_it_is_named_and_missing(tmp_path: Path) -> None:
    assert not create_signing_key(SETTINGS)
    settings = SETTINGS.model_copy(update={"signing": SigningSection(key_file=tmp_path / "key")})
    assert create_signing_key(settings)
    made = (tmp_path / "key").read_bytes()
    assert not create_signing_key(settings)
    assert ((tmp_path / "key").read_bytes(), (tmp_path / "key").stat().st_mode & 0o777) == (made, 0o600)
    keys = commit_keys(settings)
    assert keys is not None
    assert keys.can_sign
