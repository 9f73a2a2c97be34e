"""Chart archives that were made to hang, to crash or to fill the memory."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from reconciler.formats.helm_archive import FILE_LIMIT, HEADER_LIMIT, PAX_HEADER_LIMIT, PAX_HEADERS_LIMIT, read_archive
from reconciler.model.errors import IntegrityError

CHART = ("w/Chart.yaml", b"a: b", tarfile.REGTYPE)


def archive(*members: tuple[str, bytes, bytes]) -> bytes:
    parts = []
    for name, data, kind in members:
        header = tarfile.TarInfo(name)
        header.size, header.type = len(data), kind
        parts.append(header.tobuf(tarfile.USTAR_FORMAT) + data + b"\0" * (-len(data) % 512))
    raw = b"".join(parts) + b"\0" * 1024
    return gzip.compress(raw, 1)


def pax(text: bytes) -> tuple[str, bytes, bytes]:
    return "x", text, tarfile.XHDTYPE


COMMENT = pax(f"{PAX_HEADER_LIMIT} comment={'x' * (PAX_HEADER_LIMIT - 14)}\n".encode())
FEW_REMARKS = [part for n in range(100) for part in (COMMENT, (f"w/{n}", b"", tarfile.REGTYPE))]
MANY_REMARKS = [
    part for n in range(PAX_HEADERS_LIMIT // PAX_HEADER_LIMIT + 1) for part in (COMMENT, (f"w/{n}", b"", tarfile.REGTYPE))
]


def test_an_archive_made_this_way_is_read() -> None:
    assert read_archive(archive(pax(b"18 mtime=12345.67\n"), CHART)) == {"Chart.yaml": b"a: b"}
    assert len(read_archive(archive(*FEW_REMARKS))) == 100


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "members",
    [
        pytest.param([pax(b"11 path=a\n")] * 3000, id="attributes of attributes, on and on"),
        pytest.param([("x", b"a/b\0", tarfile.GNUTYPE_LONGNAME)] * 3000, id="names of names, on and on"),
        pytest.param([("x", b"11 path=a\n", tarfile.XGLTYPE)] * 3000, id="attributes of everything, on and on"),
        pytest.param([pax(b"1" * 1_000_000)], id="digits that take the square of their number"),
        pytest.param(MANY_REMARKS, id="many long attributes"),
        pytest.param([("x", b"a/" * 4_000_000, tarfile.GNUTYPE_LONGNAME)], id="a name of megabytes"),
        pytest.param([pax(b"40 size=" + b"9" * 31 + b"\n")], id="a size beyond all memory"),
        pytest.param([pax(b"12 size=-1\n")], id="a size below nothing"),
        pytest.param([pax(b"5011 size=" + b"9" * 5000)], id="a size that is no number to Python"),
        pytest.param([("w/", b"", tarfile.DIRTYPE)] * (HEADER_LIMIT + 1), id="one folder, over and over"),
        pytest.param([(f"w/{n}", b"", tarfile.REGTYPE) for n in range(FILE_LIMIT + 1)], id="many files"),
        pytest.param([("w/s", b"a", tarfile.GNUTYPE_SPARSE)], id="a file with holes"),
    ],
)
def test_it_is_refused_and_never_a_hang(members: list[tuple[str, bytes, bytes]]) -> None:
    with pytest.raises(IntegrityError):
        read_archive(archive(*members, CHART))
