"""Packs a chart's directory as Helm does, with the same bytes every time."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
from typing import TYPE_CHECKING

from reconciler.formats.helm_archive import FILE_LIMIT, UNPACKED_LIMIT
from reconciler.model.errors import IntegrityError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pack_chart(directory: Path, name: str) -> bytes:
    """Packs a chart's directory to a `.tgz` as Helm expects it: all files under `<name>/`.

    The same files give the same bytes (with the same version of zlib): sorted, without times, owners or modes. Files and
    directories whose names begin with a dot are left out.

    Raises:
        NotFoundError: the directory does not exist.
        IntegrityError: it contains a symbolic link or another special file, or exceeds the limits.
    """
    if not directory.is_dir():
        raise NotFoundError(f"the chart directory {directory} does not exist")
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        size = 0
        for number, file in enumerate(_files(directory), start=1):
            data = file.read_bytes()
            size += len(data)
            if size > UNPACKED_LIMIT or number > FILE_LIMIT:
                raise IntegrityError(f"the chart {directory} is larger than {FILE_LIMIT} files or {UNPACKED_LIMIT >> 20} MiB")
            member = tarfile.TarInfo(f"{name}/{file.relative_to(directory).as_posix()}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _files(directory: Path) -> Iterator[Path]:
    """Yields all regular files below a directory, in an order that depends on names only."""
    for entry in sorted(directory.iterdir()):
        mode = entry.lstat().st_mode
        if entry.name.startswith("."):
            continue
        if stat.S_ISDIR(mode):
            yield from _files(entry)
        elif stat.S_ISREG(mode):
            yield entry
        else:
            raise IntegrityError(
                f"{entry} is not a regular file", "charts contain files and directories only: put the file itself there"
            )
