"""The HelmReleases of a commit of `resolved`, by their digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.domain.rendering.flux_objects import RenderContext, render
from reconciler.formats.yaml.documents import dump
from reconciler.model.canonical import release_digest
from reconciler.services.repository.rendered_releases import RenderedReleases
from tests.support.builders import FSN, NBG, lock_of, package
from tests.support.git_server import bare, commit

if TYPE_CHECKING:
    from pathlib import Path

LOCK = lock_of(package("shop", placements=[FSN, NBG], values={"a": 1.0}), package("db", placements=[NBG]))
DOCUMENTS = render(LOCK, RenderContext(sovereign="o", keys={}))
FILES = {path: dump(*documents).decode() for path, documents in DOCUMENTS.items()}
SHOP = f"clusters/{NBG}/shop.yaml"


def digest(path: str) -> str:
    return release_digest(next(one for one in DOCUMENTS[path] if one["kind"] == "HelmRelease"))


EVERYTHING = {
    (FSN, "flux-system", "shop"): digest(f"clusters/{FSN}/shop.yaml"),
    (NBG, "flux-system", "shop"): digest(SHOP),
    (NBG, "flux-system", "db"): digest(f"clusters/{NBG}/db.yaml"),
}
WITHOUT = {key: value for key, value in EVERYTHING.items() if key != (NBG, "flux-system", "shop")}


class Resolved:
    """A `resolved` branch, read as the reconciler does."""

    def __init__(self, folder: Path) -> None:
        self.origin = bare(folder / "env.git")
        self.repository = Repository(folder / "clone", self.origin.as_uri())
        self.rendered = RenderedReleases(self.repository)

    def with_files(self, files: dict[str, str]) -> dict[tuple[str, str, str], str]:
        head = commit(self.origin, "resolved", files)
        self.repository.fetch({"resolved": head})
        return dict(self.rendered.at(head))


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    return Resolved(tmp_path)


def test_each_release_is_in_the_folder_of_its_cluster(resolved: Resolved) -> None:
    assert resolved.with_files(FILES) == EVERYTHING
    assert resolved.rendered.at(None) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{ HelmRelease",
        FILES[SHOP].replace("kind: HelmRelease", "kind: Other # HelmRelease"),
        FILES[SHOP].replace("helm.toolkit.fluxcd.io/v2", "example.com/v2"),
        FILES[SHOP] + "  x: [",
    ],
)
def test_a_release_that_cannot_be_read_is_not_there(resolved: Resolved, text: str) -> None:
    assert resolved.with_files(FILES | {SHOP: text}) == WITHOUT


def test_a_release_that_two_files_of_a_cluster_have_is_neither(resolved: Resolved) -> None:
    assert resolved.with_files(FILES | {f"clusters/{NBG}/again.yaml": FILES[SHOP].replace("10m", "11m")}) == WITHOUT


def test_a_file_that_changes_is_read_again_and_one_beside_the_clusters_never(resolved: Resolved) -> None:
    resolved.with_files(FILES)
    changed = resolved.with_files(FILES | {SHOP: FILES[SHOP].replace("a: 1", "a: 2"), "elsewhere/x.yaml": FILES[SHOP]})
    assert {key for key, value in changed.items() if EVERYTHING[key] != value} == {(NBG, "flux-system", "shop")}
    assert resolved.with_files(FILES) == EVERYTHING
