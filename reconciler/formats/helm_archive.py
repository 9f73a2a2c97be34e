"""Reads Helm chart archives in memory only: nothing is ever unpacked to a disk.

Archives come from strangers until their signature is verified, and from people who make mistakes afterwards. So reading is
bounded (a gzip bomb ends at the limit) and accepts regular files in one folder only. Input on which tar readers are known to
disagree (duplicates, a second gzip member, garbage in the middle) is rejected, so that Helm reads the same content.
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

ONE_FILE_LIMIT: Final = 5 << 20  # bytes of one file: Helm loads no chart with a larger one

HEADER_LIMIT: Final = 4 * FILE_LIMIT  # tar headers: one for each file, one with its long name or times, and those of folders

PAX_HEADER_LIMIT: Final = 2048  # bytes of a header's long name or times: tarfile's search takes quadratic time in it

PAX_HEADERS_LIMIT: Final = 1 << 20  # bytes of all of them

MAX_CHART_DEPTH: Final = 8  # nested charts

_PAX_HEADERS: Final = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)

_GZIP = 16 + zlib.MAX_WBITS

_IS_DEPENDENCY: Final = re.compile(r"(?:charts/[^/._][^/]*/)*charts/[^/._][^/]*\.tgz")


def read_archive(archive: bytes, *, limit: int = UNPACKED_LIMIT) -> Mapping[str, bytes]:
    """Reads a chart archive: each file's content by its path below the chart's own folder (`Chart.yaml`).

    Archives of dependencies (`charts/db-1.2.3.tgz`) are opened, as Helm does; their paths begin with `charts/db-1.2.3.tgz/`.

    Args:
        archive: a gzipped tar.
        limit: of its unpacked bytes, nested archives included.

    Raises:
        IntegrityError: it is not such an archive, is too large, or contains anything but regular files in one folder.
    """
    return _opened(archive, limit, MAX_CHART_DEPTH)


def _opened(archive: bytes, limit: int, depth: int) -> dict[str, bytes]:
    files, remaining = _unpacked(archive, limit)
    for path in sorted(files):
        if not _IS_DEPENDENCY.fullmatch(path):
            continue
        if not depth:
            raise IntegrityError(f"the chart archive contains charts nested more than {MAX_CHART_DEPTH} deep")
        nested = _opened(files.pop(path), remaining, depth - 1)
        remaining -= sum(len(content) for content in nested.values())
        files |= {f"{path}/{nested_path}": content for nested_path, content in nested.items()}
        if len(files) > FILE_LIMIT:
            raise IntegrityError("the chart archive contains too many files")
    return files


def _unpacked(archive: bytes, limit: int) -> tuple[dict[str, bytes], int]:
    """Returns an archive's files, without opening nested archives, and the remaining bytes of the limit."""
    raw = _inflate(archive, limit)
    files, folders = dict[str, bytes](), set[str]()
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:", tarinfo=_counting_headers()) as tar:
            for member in tar:
                folder, path = _location(member)
                folders.add(folder)
                if path in files or len(files) >= FILE_LIMIT:
                    raise IntegrityError("the chart archive contains a file twice, or too many files")
                if member.size > ONE_FILE_LIMIT:
                    raise IntegrityError(
                        f"the chart archive contains a file of more than {ONE_FILE_LIMIT} bytes; Helm refuses it"
                    )
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    files[path] = content.read()
            end = tar.offset
    except (tarfile.TarError, ValueError, EOFError, OSError, OverflowError, RecursionError) as error:
        raise IntegrityError("the chart archive is not a tar file") from error
    if raw[end:].strip(b"\0"):  # tarfile treats a broken header as the end
        raise IntegrityError("the chart archive is damaged in the middle")
    if len(folders) != 1:
        raise IntegrityError("the chart archive does not contain exactly one folder")
    return files, limit - len(raw)


def _counting_headers() -> type[tarfile.TarInfo]:
    """Returns a class for the headers of one archive (tarfile takes a class) that rejects too many or too long headers."""

    class Header(tarfile.TarInfo):
        headers = 0
        pax_bytes = 0

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Header:
            """Parses a header of 512 bytes, before tarfile reads its content."""
            header = super().frombuf(buf, encoding, errors)
            cls.headers += 1
            if header.type in _PAX_HEADERS:
                cls.pax_bytes += header.size
                if header.size > PAX_HEADER_LIMIT or cls.pax_bytes > PAX_HEADERS_LIMIT:
                    raise IntegrityError("the chart archive contains names or attributes that are too long")
            if cls.headers > HEADER_LIMIT:
                raise IntegrityError("the chart archive contains too many files and folders")
            return header

    return Header


def _inflate(archive: bytes, limit: int) -> bytes:
    """Decompresses exactly one gzip member of at most `limit` bytes."""
    decompressor = zlib.decompressobj(_GZIP)
    try:
        raw = decompressor.decompress(archive, limit + 1)
    except zlib.error as error:
        raise IntegrityError("the chart archive is not a gzip file") from error
    if len(raw) > limit:
        raise IntegrityError(f"the chart archive unpacks to more than {limit} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise IntegrityError("the chart archive is truncated, or other data follows it")
    return raw


def _location(member: tarfile.TarInfo) -> tuple[str, str]:
    """Returns the folder of a member and its path below it; IntegrityError for anything but a plain file or a directory."""
    path = PurePosixPath(member.name)
    if not (member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.isdir()) or member.sparse is not None:
        raise IntegrityError("the chart archive contains a link, a device or another special file")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or not path.parts:
        raise IntegrityError("the chart archive contains a path that leads out of it")
    if len(path.parts) == 1 and not member.isdir():
        raise IntegrityError("the chart archive contains a file outside its folder")
    return path.parts[0], "/".join(path.parts[1:])
