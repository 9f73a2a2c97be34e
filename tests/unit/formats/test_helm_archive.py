"""Chart archives: packed the same each time, read without being led anywhere."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc

import pytest

from reconciler.formats import helm_archive
from reconciler.model.errors import IntegrityError


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue())


CHART = member("shop/Chart.yaml", b"name: shop\n")


def test_directories_in_an_archive_are_no_files() -> None:
    with_folders = archive(member("shop", kind=tarfile.DIRTYPE), CHART, member("shop/crds", kind=tarfile.DIRTYPE))
    assert helm_archive.read_archive(with_folders) == {"Chart.yaml": b"name: shop\n"}


@pytest.mark.parametrize(
    "bad",
    [
        member("shop/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("shop/link", kind=tarfile.LNKTYPE, link="shop/Chart.yaml"),
        member("shop/device", kind=tarfile.CHRTYPE),
        member("shop/pipe", kind=tarfile.FIFOTYPE),
        member("/shop/absolute", b"x"),
        member("shop/../../out", b"x"),
        member("../out", b"x"),
        member("shop\\out", b"x"),
        member("shop/sub\\out", b"x"),
        member("alone", b"x"),
        member("other/Chart.yaml", b"x"),
        member("shop/Chart.yaml", b"again"),
        member("./shop//Chart.yaml", b"again"),
    ],
    ids=lambda bad: f"{bad[0].type.decode()} {bad[0].name}",
)
def test_an_archive_with_anything_but_plain_files_in_one_folder_is_refused(bad: tuple[tarfile.TarInfo, bytes]) -> None:
    assert helm_archive.read_archive(archive(CHART))
    with pytest.raises(IntegrityError):
        helm_archive.read_archive(archive(CHART, bad))
    with pytest.raises(IntegrityError):
        helm_archive.read_archive(archive(bad, CHART))


def test_an_archive_of_absolute_names_is_refused() -> None:
    with pytest.raises(IntegrityError, match="leads out"):
        helm_archive.read_archive(archive(member("/Chart.yaml", b"x"), member("/templates/x.yaml", b"x")))


def test_a_sparse_file_cannot_claim_to_be_huge() -> None:
    sparse = member("shop/huge", b"")
    sparse[0].pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.map": "0,0",
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(CHART[0], io.BytesIO(CHART[1]))
        tar.addfile(sparse[0], io.BytesIO(b""))
    with pytest.raises(IntegrityError, match="special file"):
        helm_archive.read_archive(gzip.compress(raw.getvalue()))


def test_a_gzip_bomb_ends_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (256 << 20), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(IntegrityError, match="unpacks to more than 1048576 bytes"):
        helm_archive.read_archive(bomb, limit=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_an_archive_at_the_limit_is_read() -> None:
    whole = archive(CHART)
    size = len(gzip.decompress(whole))
    assert helm_archive.read_archive(whole, limit=size)
    with pytest.raises(IntegrityError):
        helm_archive.read_archive(whole, limit=size - 1)


@pytest.mark.parametrize("cut", [1, 8, 20, 60])
def test_a_truncated_archive_is_refused(cut: int) -> None:
    with pytest.raises(IntegrityError):
        helm_archive.read_archive(archive(CHART)[:-cut])


@pytest.mark.parametrize(
    "extra", [b"x", gzip.compress(b"second"), archive(member("shop/more", b"x"))], ids=["text", "gzip", "archive"]
)
def test_nothing_may_follow_the_archive(extra: bytes) -> None:
    with pytest.raises(IntegrityError, match="other data follows"):
        helm_archive.read_archive(archive(CHART) + extra)


def test_a_broken_header_is_not_taken_for_the_end() -> None:
    raw = bytearray(gzip.decompress(archive(CHART, member("shop/values.yaml", b"a: 1\n"))))
    raw[1024] ^= 0xFF  # the first byte of the second header
    with pytest.raises(IntegrityError, match="damaged in the middle"):
        helm_archive.read_archive(gzip.compress(bytes(raw)))


@pytest.mark.parametrize(
    "data",
    [b"", b"text", gzip.compress(b""), gzip.compress(b"text" * 500), archive()],
    ids=["nothing", "text", "gzip-of-nothing", "gzip-of-text", "empty-archive"],
)
def test_what_is_no_chart_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        helm_archive.read_archive(data)


# Charts inside


def test_archives_of_dependencies_are_opened_wherever_helm_opens_them() -> None:
    deepest = archive(member("mq/Chart.yaml", b"name: mq\n"))
    inner = archive(member("db/Chart.yaml", b"name: db\n"), member("db/charts/mq-2.0.0.tgz", deepest))
    outer = archive(
        CHART,
        member("shop/charts/db-1.0.0.tgz", inner),
        member("shop/charts/ui/Chart.yaml", b"name: ui\n"),
        member("shop/charts/ui/charts/mq.tgz", deepest),
        member("shop/charts/_draft.tgz", b"not opened"),
        member("shop/charts/ui/files/data.tgz", b"not opened"),
        member("shop/files/data.tgz", b"not opened"),
    )
    assert helm_archive.read_archive(outer) == {
        "Chart.yaml": b"name: shop\n",
        "charts/db-1.0.0.tgz/Chart.yaml": b"name: db\n",
        "charts/db-1.0.0.tgz/charts/mq-2.0.0.tgz/Chart.yaml": b"name: mq\n",
        "charts/ui/Chart.yaml": b"name: ui\n",
        "charts/ui/charts/mq.tgz/Chart.yaml": b"name: mq\n",
        "charts/_draft.tgz": b"not opened",
        "charts/ui/files/data.tgz": b"not opened",
        "files/data.tgz": b"not opened",
    }


def test_charts_inside_count_towards_the_same_limit() -> None:
    inner = archive(member("db/Chart.yaml", b"name: db\n"), member("db/big", bytes(60_000)))
    many = [member(f"shop/charts/db{number}.tgz", inner) for number in range(4)]
    assert len(helm_archive.read_archive(archive(CHART, *many), limit=400_000)) == 9
    with pytest.raises(IntegrityError, match="unpacks to more than"):
        helm_archive.read_archive(archive(CHART, *many), limit=200_000)


def test_a_chart_inside_is_trusted_no_more_than_the_outer_one() -> None:
    inner = archive(member("db/../../etc/passwd", b"x"))
    with pytest.raises(IntegrityError, match="leads out of it"):
        helm_archive.read_archive(archive(CHART, member("shop/charts/db.tgz", inner)))
    with pytest.raises(IntegrityError, match="not a gzip file"):
        helm_archive.read_archive(archive(CHART, member("shop/charts/db.tgz", b"no archive")))


def test_charts_inside_charts_for_ever_end() -> None:
    one = archive(CHART)
    for _ in range(helm_archive.MAX_CHART_DEPTH + 1):
        one = archive(CHART, member("shop/charts/shop.tgz", one))
    with pytest.raises(IntegrityError, match="more than 8 deep"):
        helm_archive.read_archive(one)
