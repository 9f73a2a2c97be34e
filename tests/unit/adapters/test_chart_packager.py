"""Charts packed from disk, the same each time."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.chart_packager import pack_chart
from reconciler.formats import helm_archive
from reconciler.model.errors import IntegrityError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    for name in ("values.yaml", "b.txt", "README.md", "a.txt"):
        (chart / name).write_bytes(b"")
        (chart / "templates" / name).write_bytes(b"")
    (chart / "Chart.yaml").write_bytes(b"name: shop\n")
    (chart / "templates" / "deployment.yaml").write_bytes(b"kind: Deployment\n")
    (chart / ("long-" * 30 + "\u00fc.txt")).write_bytes(b"")
    (chart / ".git").mkdir()
    (chart / ".git" / "config").write_bytes(b"[core]\n")
    (chart / ".hidden").write_bytes(b"x")
    return chart


def test_what_is_packed_is_read_back(folder: Path) -> None:
    empty = ("values.yaml", "b.txt", "README.md", "a.txt")
    assert helm_archive.read_archive(pack_chart(folder, "shop")) == {
        **{f"{place}{name}": b"" for place in ("", "templates/") for name in empty},
        "Chart.yaml": b"name: shop\n",
        "templates/deployment.yaml": b"kind: Deployment\n",
        "long-" * 30 + "\u00fc.txt": b"",
    }


def test_packing_depends_on_names_and_contents_only(folder: Path) -> None:
    before = pack_chart(folder, "shop")
    os.utime(folder / "Chart.yaml", (1, 1))
    (folder / "Chart.yaml").chmod(0o600)
    (folder / "Chart.yaml").rename(folder / "x")
    (folder / "x").rename(folder / "Chart.yaml")
    assert pack_chart(folder, "shop") == before
    with tarfile.open(fileobj=io.BytesIO(before)) as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {(0, 0, 0, "", "", 0o644)}
    assert before[4:8] == bytes(4), "no time in the gzip header"
    with tarfile.open(fileobj=io.BytesIO(before)) as tar:
        assert tar.getnames() == sorted(tar.getnames())
    (folder / "Chart.yaml").write_bytes(b"name: shop2\n")
    assert pack_chart(folder, "shop") != before


@pytest.mark.parametrize("target", ["/etc/passwd", "Chart.yaml", "nowhere", "templates"])
def test_a_symlink_is_not_packed(folder: Path, target: str) -> None:
    (folder / "templates" / "link").symlink_to(target)
    with pytest.raises(IntegrityError, match="link is not a regular file"):
        pack_chart(folder, "shop")


def test_a_pipe_is_not_packed(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(IntegrityError, match="pipe is not a regular file"):
        pack_chart(folder, "shop")


def test_a_chart_that_is_too_large_or_missing_is_not_packed(folder: Path, tmp_path: Path) -> None:
    with (folder / "large").open("wb") as large:
        large.truncate(helm_archive.UNPACKED_LIMIT)
    with pytest.raises(IntegrityError, match="larger than"):
        pack_chart(folder, "shop")
    with pytest.raises(NotFoundError):
        pack_chart(tmp_path / "nowhere", "shop")
