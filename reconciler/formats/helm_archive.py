"""Helm chart archives, in memory only: nothing is ever unpacked to a disk.

Archives come from strangers until their signature holds, and from people with mistakes after that. So reading is
bounded (a gzip bomb ends at the limit) and takes regular files in one folder, nothing else. What tar readers are known
to disagree on (duplicates, a second gzip member, rubbish in the middle) is refused, so that Helm sees what we see.
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from reconciler.model.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNPACKED_LIMIT: Final = 32 << 20  # bytes of tar; the largest public charts have about 10 MB

FILE_LIMIT: Final = 5000

HEADER_LIMIT: Final = 4 * FILE_LIMIT  # of tar: for each file its own, one with its long name or times, and those of folders

PAX_HEADER_LIMIT: Final = 2048  # bytes of a header's long name or times: Python's search through them takes the square of that

PAX_HEADERS_LIMIT: Final = 1 << 20  # bytes of all of them

MAX_CHART_DEPTH: Final = 8  # charts in charts in charts

_PAX_HEADERS: Final = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)

_GZIP = 16 + zlib.MAX_WBITS

_IS_DEPENDENCY: Final = re.compile(r"(?:charts/[^/._][^/]*/)*charts/[^/._][^/]*\.tgz")


def read_archive(archive: bytes, *, limit: int = UNPACKED_LIMIT) -> Mapping[str, bytes]:
    """Read a chart archive: each file's content by its path below the chart's own folder (`Chart.yaml`).

    Archives of dependencies (`charts/db-1.2.3.tgz`) are opened, as Helm does; their files stand below `charts/db-1.2.3.tgz/`.

    Args:
        archive: a gzipped tar.
        limit: how many bytes it may have unpacked, with all that is inside.

    Raises:
        IntegrityError: it is no such archive, is too large, or holds anything but regular files in one folder.
    """
    return _opened(archive, limit, MAX_CHART_DEPTH)


def _opened(archive: bytes, limit: int, depth: int) -> dict[str, bytes]:
    files, left = _unpacked(archive, limit)
    for path in sorted(files):
        if not _IS_DEPENDENCY.fullmatch(path):
            continue
        if not depth:
            raise IntegrityError(f"the chart archive holds charts inside charts more than {MAX_CHART_DEPTH} deep")
        inner = _opened(files.pop(path), left, depth - 1)
        left -= sum(len(text) for text in inner.values())
        files |= {f"{path}/{below}": text for below, text in inner.items()}
        if len(files) > FILE_LIMIT:
            raise IntegrityError("the chart archive holds too many files")
    return files


def _unpacked(archive: bytes, limit: int) -> tuple[dict[str, bytes], int]:
    """An archive's files as they are, and how many bytes are left of the limit."""
    raw = _inflate(archive, limit)
    files, folders = dict[str, bytes](), set[str]()
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:", tarinfo=_counting_headers()) as tar:
            for member in tar:
                folder, path = _place(member)
                folders.add(folder)
                if path in files or len(files) >= FILE_LIMIT:
                    raise IntegrityError("the chart archive holds a file twice, or too many files")
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    files[path] = content.read()
            end = tar.offset
    except (tarfile.TarError, ValueError, EOFError, OSError, OverflowError, RecursionError) as error:
        raise IntegrityError("the chart archive is no tar file") from error
    if raw[end:].strip(b"\0"):  # tarfile takes a broken header for the end
        raise IntegrityError("the chart archive is damaged in the middle")
    if len(folders) != 1:
        raise IntegrityError("the chart archive does not hold exactly one folder")
    return files, limit - len(raw)


def _counting_headers() -> type[tarfile.TarInfo]:
    """Headers of one archive (tarfile makes them by their class), which are refused when they are too many or too long."""

    class Header(tarfile.TarInfo):
        headers = 0
        remarks = 0

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Header:
            """Read a header of 512 bytes, before anything that belongs to it is read."""
            header = super().frombuf(buf, encoding, errors)
            cls.headers += 1
            if header.type in _PAX_HEADERS:
                cls.remarks += header.size
                if header.size > PAX_HEADER_LIMIT or cls.remarks > PAX_HEADERS_LIMIT:
                    raise IntegrityError("the chart archive holds names or attributes that are too long")
            if cls.headers > HEADER_LIMIT:
                raise IntegrityError("the chart archive holds too many files and folders")
            return header

    return Header


def _inflate(archive: bytes, limit: int) -> bytes:
    """Unzip at most `limit` bytes of exactly one gzip member."""
    unzip = zlib.decompressobj(_GZIP)
    try:
        raw = unzip.decompress(archive, limit + 1)
    except zlib.error as error:
        raise IntegrityError("the chart archive is no gzip file") from error
    if len(raw) > limit:
        raise IntegrityError(f"the chart archive unpacks to more than {limit} bytes")
    if not unzip.eof or unzip.unused_data:
        raise IntegrityError("the chart archive is cut short, or something follows it")
    return raw


def _place(member: tarfile.TarInfo) -> tuple[str, str]:
    """The folder and the path below it where a member belongs; Corrupt when it is no plain file or directory."""
    path = PurePosixPath(member.name)
    if not (member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.isdir()) or member.sparse is not None:
        raise IntegrityError("the chart archive holds a link, a device or another thing that is no plain file")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or not path.parts:
        raise IntegrityError("the chart archive holds a name that leads out of it")
    if len(path.parts) == 1 and not member.isdir():
        raise IntegrityError("the chart archive holds a file outside its folder")
    return path.parts[0], "/".join(path.parts[1:])
