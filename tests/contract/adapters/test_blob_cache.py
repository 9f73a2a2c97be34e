"""The cache: right or not there, and never larger than it may be."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.blob_cache import BlobCache
from reconciler.formats.oci_manifest import DIGEST, digest_of_bytes
from reconciler.model.errors import ConfigurationError
from tests.contract.adapters import killed_cache_writes
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SIZE = killed_cache_writes.SIZE
BLOCK = 4096
CONTENT = digest_of_bytes(b"content")


def stored(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if DIGEST.fullmatch(path.name))


def on_disk(directory: Path) -> int:
    """Bytes that all content takes, whole or half written."""
    sizes = [path.lstat().st_size for path in directory.iterdir() if path.name != "used"]
    return sum(-(-size // BLOCK) * BLOCK for size in sizes)


def fill(directory: Path, count: int) -> list[str]:
    """Put some content of one block each, the first one used the longest time ago."""
    digests = [BlobCache(directory, SIZE).put(bytes([number])) for number in range(count)]
    for number, digest in enumerate(digests):
        os.utime(directory / digest, (number, number))
    return digests


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    head = (
        "import os, resource, sys; from pathlib import Path\n"
        "from reconciler.adapters.blob_cache import BlobCache; from reconciler.formats.oci_manifest import digest_of_bytes\n"
    )
    return subprocess.Popen([sys.executable, "-c", head + script, *arguments], cwd=ROOT, text=True)


def test_what_was_put_is_got(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet" / "there"
    cache = BlobCache(directory, SIZE)
    assert cache.get(CONTENT) is None
    assert cache.put(b"content") == CONTENT
    assert cache.put(b"content") == CONTENT
    assert cache.get(CONTENT) == b"content"
    assert BlobCache(directory, SIZE).get(CONTENT) == b"content", "another process finds it"
    assert len(stored(directory)) == 1


def test_only_its_owner_reads_it_whatever_the_umask(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    before = os.umask(0)
    try:
        BlobCache(directory, SIZE).put(b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "", "sha256:" + "A" * 64, f"{CONTENT}{os.sep}x", f"{CONTENT}\n"])
def test_a_digest_is_no_path(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ConfigurationError):
        BlobCache(tmp_path, SIZE).get(digest)


# Damage


@pytest.mark.parametrize("damaged", [b"", b"conten", b"CONTENT", b"content "])
def test_what_is_damaged_is_not_there_and_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    cache = BlobCache(tmp_path, SIZE)
    cache.put(b"content")
    (tmp_path / CONTENT).write_bytes(damaged)
    assert cache.get(CONTENT) is None
    assert stored(tmp_path) == []
    cache.put(b"content")
    (tmp_path / CONTENT).write_bytes(damaged)
    cache.put(b"content")
    assert cache.get(CONTENT) == b"content"


def test_it_may_be_deleted_at_any_time(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", SIZE)
    stop = threading.Event()

    def delete() -> None:
        while not stop.is_set():
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)

    thread = threading.Thread(target=delete)
    thread.start()
    for _ in range(300):
        cache.put(b"content")
        assert cache.get(CONTENT) in (b"content", None)
    stop.set()
    thread.join()
    cache.put(b"content")
    assert cache.get(CONTENT) == b"content"


@pytest.mark.parametrize("name", [CONTENT, "new", "used"])
def test_a_planted_link_is_replaced_and_never_followed(tmp_path: Path, name: str) -> None:
    elsewhere, cache = tmp_path / "elsewhere", BlobCache(tmp_path / "cache", SIZE)
    elsewhere.write_bytes(b"content")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / name).symlink_to(elsewhere)
    assert cache.get(CONTENT) is None
    cache.put(b"content")
    cache.put(b"more")
    assert cache.get(CONTENT) == b"content"
    assert elsewhere.read_bytes() == b"content"
    assert not any(path.is_symlink() for path in (tmp_path / "cache").iterdir())


def test_a_planted_link_is_evicted_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x")
    directory = tmp_path / "cache"
    fill(directory, 15)
    link = directory / digest_of_bytes(b"x")
    link.symlink_to(elsewhere)
    os.utime(link, (0, 0), follow_symlinks=False)
    BlobCache(directory, SIZE).put(b"y" * 2 * BLOCK)
    assert not link.is_symlink()
    assert elsewhere.read_bytes() == b"x"


def test_nothing_planted_is_waited_for_or_read_without_end(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, SIZE)
    os.mkfifo(tmp_path / CONTENT)
    writer = os.open(tmp_path / CONTENT, os.O_RDWR)
    os.write(writer, b"content")
    assert cache.get(CONTENT) is None
    os.close(writer)
    with (tmp_path / CONTENT).open("wb") as file:
        file.truncate(1 << 40)
    assert cache.get(CONTENT) is None
    os.mkfifo(tmp_path / "used")
    cache.put(b"content")
    assert cache.get(CONTENT) == b"content"
    (tmp_path / digest_of_bytes(b"other")).mkdir()
    cache.put(b"other")
    assert cache.get(digest_of_bytes(b"other")) is None


# A bound


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    digests = fill(tmp_path, 16)
    cache = BlobCache(tmp_path, SIZE)
    assert len(stored(tmp_path)) == 16, "it may be full"
    assert cache.get(digests[0]) is not None
    newest = cache.put(b"one more")
    here = {file.name for file in stored(tmp_path)}
    assert here == {digests[0], *digests[4:], newest}, "an eighth is left free, and the first was used again"


def test_it_stays_within_its_size(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, SIZE)
    for number in range(100):
        data = bytes([number]) * (number * 997 % SIZE)
        cache.put(data)
        assert on_disk(tmp_path) <= SIZE
        assert cache.get(digest_of_bytes(data)) == data


def test_what_is_larger_than_all_of_it_is_not_kept_and_costs_nothing(tmp_path: Path) -> None:
    digests = fill(tmp_path, 16)
    cache = BlobCache(tmp_path, SIZE)
    cache.put(b"x" * (SIZE + 1))
    assert [file.name for file in stored(tmp_path)] == sorted(digests)
    cache.put(b"x" * SIZE)
    assert [file.name for file in stored(tmp_path)] == [digest_of_bytes(b"x" * SIZE)]


def test_a_smaller_bound_holds_from_the_next_write_on(tmp_path: Path) -> None:
    fill(tmp_path, 16)
    BlobCache(tmp_path, 4 * BLOCK).put(b"one more")
    assert on_disk(tmp_path) <= 4 * BLOCK


@pytest.mark.parametrize("said", [None, b"", b"\0\0\0\0", b"many", b"-1", b"9" * 20])
def test_a_count_that_is_lost_is_made_again(tmp_path: Path, said: bytes | None) -> None:
    fill(tmp_path, 16)
    (tmp_path / "used").unlink()
    if said is not None:
        (tmp_path / "used").write_bytes(said)
    BlobCache(tmp_path, SIZE).put(b"one more")
    assert on_disk(tmp_path) == int((tmp_path / "used").read_bytes()) <= SIZE


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"x" * SIZE)
    fill(tmp_path, 16)
    BlobCache(tmp_path, SIZE).put(b"one more")
    assert (tmp_path / "notes").stat().st_size == SIZE


# Disks that do not take it


def test_a_place_that_cannot_be_made_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = BlobCache(tmp_path / "file" / "cache", SIZE)
    assert cache.put(b"content") == CONTENT
    assert cache.get(CONTENT) is None


def test_a_read_only_directory_is_read_and_costs_time_only(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    BlobCache(directory, SIZE).put(b"content")
    (directory / CONTENT).chmod(0o444)
    directory.chmod(0o555)
    tmp_path.chmod(0o755)  # whoever runs the tests as root goes on as nobody
    script = (
        "os.chdir(sys.argv[1])\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "cache = BlobCache(Path('cache'), 65536)\n"
        "assert cache.get(digest_of_bytes(b'content')) == b'content'\n"
        "assert cache.get(cache.put(b'other')) is None\n"
    )
    try:
        assert python(script, str(tmp_path)).wait() == 0
    finally:
        directory.chmod(0o700)
    assert [file.name for file in stored(directory)] == [CONTENT]


def test_a_disk_that_fills_up_while_writing_costs_time_only(tmp_path: Path) -> None:
    script = (
        "cache = BlobCache(Path(sys.argv[1]), 65536)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))\n"
        "assert cache.get(cache.put(b'x' * 20_000)) is None\n"
        "assert cache.get(cache.put(b'content')) == b'content'\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "assert cache.get(cache.put(b'other')) is None\n"
    )
    assert python(script, str(tmp_path)).wait() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONTENT, "used"], "nothing half written is left on it"


# Others


def test_processes_write_and_evict_at_once(tmp_path: Path) -> None:
    script = (
        "cache, known = BlobCache(Path(sys.argv[1]), 65536), {}\n"
        "for number in range(300):\n"
        "    data = f'{number % 50} {int(sys.argv[2]) % 2} '.encode() * (number * 37 % 900)\n"
        "    known[cache.put(data)] = data\n"
        "    for digest in list(known)[-20:]:\n"
        "        assert cache.get(digest) in (known[digest], None)\n"
    )
    running = [python(script, str(tmp_path), str(number)) for number in range(4)]
    lock, looks = os.open(tmp_path, os.O_RDONLY), 0
    while any(process.poll() is None for process in running):
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert on_disk(tmp_path) <= SIZE
        fcntl.flock(lock, fcntl.LOCK_UN)
        looks += 1
        time.sleep(0.02)
    os.close(lock)
    assert looks > 10
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert len(stored(tmp_path)) > 1
    assert on_disk(tmp_path) <= int((tmp_path / "used").read_bytes())
    assert not (tmp_path / "new").exists()
    for file in stored(tmp_path):
        assert digest_of_bytes(file.read_bytes()) == file.name


def test_a_writer_that_was_stopped_is_not_waited_for_forever(tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    cache = BlobCache(tmp_path, SIZE)
    assert cache.get(cache.put(b"content")) is None
    os.close(lock)
    assert cache.get(cache.put(b"content")) == b"content"


def test_a_writer_killed_anywhere_leaves_a_cache_that_works(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    digests = fill(whole, 16)
    start = tmp_path / "start"
    shutil.copytree(whole, start)
    program = [sys.executable, "-m", "tests.contract.adapters.killed_cache_writes", str(tmp_path)]
    calls = int(subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    points = range(1, calls)
    for point in points:
        shutil.copytree(start, tmp_path / str(point))
    subprocess.run([*program, *map(str, points)], cwd=ROOT, check=True)
    left = set()
    for point in points:
        directory = tmp_path / str(point)
        left.add((len(stored(directory)), (directory / "new").exists(), (directory / digest_of_bytes(b"last")).exists()))
        assert on_disk(directory) <= SIZE
        cache = BlobCache(directory, SIZE)
        for digest in (*digests, digest_of_bytes(b"last")):
            assert (cache.get(digest) is None) == (not (directory / digest).exists()), "nothing there is wrong"
        assert cache.get(cache.put(b"next")) == b"next"
        assert on_disk(directory) <= int((directory / "used").read_bytes()) <= SIZE
        assert not (directory / "new").exists()
    assert {one for one, _, _ in left} == {16, 15, 14, 13}, "some died while room was made"
    assert {(new, last) for _, new, last in left} == {(False, False), (True, False), (False, True)}
