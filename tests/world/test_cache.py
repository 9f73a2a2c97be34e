"""The cache: right or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from reconciler.model.faults import Misconfigured
from reconciler.world.cache import Cache

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + hashlib.sha256(b"content").hexdigest()


def stored(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_what_was_put_is_got(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet" / "there"
    cache = Cache(directory)
    assert cache.get(DIGEST) is None
    assert cache.put(b"content") == DIGEST
    assert cache.put(b"content") == DIGEST
    assert cache.get(DIGEST) == b"content"
    assert Cache(directory).get(DIGEST) == b"content", "another process finds it"
    (file,) = stored(directory)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("damaged", [b"", b"conten", b"CONTENT", b"content "])
def test_what_is_damaged_is_not_there_and_goes(tmp_path: Path, damaged: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put(b"content")
    (file,) = stored(tmp_path)
    file.write_bytes(damaged)
    assert cache.get(DIGEST) is None
    assert stored(tmp_path) == []
    cache.put(b"content")
    assert cache.get(DIGEST) == b"content"


def test_it_may_be_deleted_at_any_time(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    stop = threading.Event()

    def delete() -> None:
        while not stop.is_set():
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)

    thread = threading.Thread(target=delete)
    thread.start()
    for _ in range(300):
        cache.put(b"content")
        assert cache.get(DIGEST) in (b"content", None)
    stop.set()
    thread.join()
    cache.put(b"content")
    assert cache.get(DIGEST) == b"content"


def test_a_place_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "cache")
    assert cache.put(b"content") == DIGEST
    assert cache.get(DIGEST) is None


def test_many_processes_share_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from reconciler.world.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "for number in range(200):\n"
        "    data = bytes([number % 5]) * 100_000\n"
        "    assert cache.get(cache.put(data)) == data\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert len(stored(tmp_path)) == 5, "no temporary file is left"


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "", "sha256:" + "A" * 64, f"{DIGEST}{os.sep}x", f"{DIGEST}\n"])
def test_a_digest_is_no_path(tmp_path: Path, digest: str) -> None:
    with pytest.raises(Misconfigured):
        Cache(tmp_path).get(digest)
