"""Ranges mean what they mean to npm: its own answers are in `npm_ranges.tsv`, and properties follow from its rules."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.versions import MAX_VERSION_LENGTH, is_older, is_range, is_version, newest_first, satisfies

TABLE = [line.split("\t") for line in Path(__file__).with_name("npm_ranges.tsv").read_text().splitlines()[1:]]


def test_every_range_of_the_table_takes_the_versions_that_npm_takes() -> None:
    (_, listed), *rows = TABLE
    versions = listed.split()
    assert (len(versions), len(rows)) == (40, 342)
    wrong = []
    for range_, answer in rows:
        takes = " ".join(version for version in versions if satisfies(version, range_)) or "nothing"
        if (takes if is_range(range_) else "no-range") != answer:
            wrong.append((range_, takes, answer))
    assert wrong == []


# Where the port is not yet npm, to which `<2` ends before 2.0.0-0: ranges that are empty by their numbers.
@pytest.mark.parametrize(("range_", "version"), [("<2 >=2.0.0-rc.1 1.x", "2.0.0-rc.1"), ("<0.0.0-0a <0", "0.0.0-0")])
def test_an_empty_range_that_names_a_pre_release_takes_it(range_: str, version: str) -> None:
    assert satisfies(version, range_)


_number = st.sampled_from(["0", "1", "2", "10"])
_identifier = st.sampled_from(["0", "1", "10", "a", "rc", "x", "-", "0a", "a-b"])
_core = st.tuples(_number, _number, _number).map(".".join)
_pre_release = st.just("") | st.lists(_identifier, min_size=1, max_size=3).map(lambda parts: "-" + ".".join(parts))
_build = st.sampled_from(["", "", "+b", "+build.7"])
versions = st.tuples(_core, _pre_release, _build).map("".join)
_comparator = st.tuples(st.sampled_from(["", "=", "<", "<=", ">", ">=", "^", "~", "~>"]), versions).map("".join)
ranges = st.lists(
    st.lists(_comparator, min_size=1, max_size=2).map(" ".join) | st.tuples(versions, versions).map(" - ".join),
    min_size=1,
    max_size=2,
).map(" || ".join)


def bare(version: str) -> str:
    return version.partition("+")[0]


@given(versions, versions)
def test_an_exact_version_takes_itself_alone_in_whatever_build(pinned: str, other: str) -> None:
    assert is_version(pinned)
    for spelt in (pinned, f"={pinned}", f"v{pinned}", f"= {pinned}"):
        assert satisfies(pinned, spelt)
        assert satisfies(other, spelt) is (bare(pinned) == bare(other))


@given(versions, versions)
def test_comparators_follow_the_order_of_versions(limit: str, version: str) -> None:
    number, dash, _ = bare(version).partition("-")
    admitted = not dash or bare(limit).startswith(f"{number}-")
    assert satisfies(version, f"<{limit}") is (admitted and is_older(version, limit))
    assert satisfies(version, f">{limit}") is (admitted and is_older(limit, version))
    assert satisfies(version, f"<={limit}") is (admitted and not is_older(limit, version))
    assert satisfies(version, f">={limit}") is (admitted and not is_older(version, limit))


@given(versions, ranges)
def test_a_pre_release_is_taken_only_where_one_of_its_version_is_named(version: str, range_: str) -> None:
    assert is_range(range_)
    number, dash, _ = bare(version).partition("-")
    assert not (dash and satisfies(version, range_)) or f"{number}-" in range_


@given(versions, versions, versions)
def test_a_caret_and_a_tilde_begin_with_what_they_name(low: str, version: str, other: str) -> None:
    for operator in "^~":
        assert satisfies(low, f"{operator}{low}")
        if satisfies(version, f"{operator}{low}"):
            assert not is_older(version, low)
            assert version.partition(".")[0] == low.partition(".")[0]
        assert satisfies(version, f"{operator}{low} || {other}") is (
            satisfies(version, f"{operator}{low}") or satisfies(version, other)
        )


@given(st.lists(versions, max_size=6))
def test_the_order_of_versions_is_total_and_agrees_with_older(listed: list[str]) -> None:
    ordered = newest_first(listed)
    assert set(ordered) == set(listed)
    assert not any(is_older(one, two) for one, two in itertools.combinations(ordered, 2))


@pytest.mark.timeout(60)
def test_no_text_within_the_bound_takes_long() -> None:
    parts = [
        "1",
        " ",
        "v",
        "=",
        "v=",
        " =",
        "x",
        "x.",
        "1.",
        "-",
        " - ",
        "1 -",
        "~",
        " ~",
        "~>",
        "^ ",
        "<",
        "||",
        "*",
        "+a",
        "1.0.0-",
        "0a-",
    ]
    for one, two in itertools.product(parts, parts):
        text = (
            f"1 - 1{one * MAX_VERSION_LENGTH}"[: MAX_VERSION_LENGTH // 2]
            + f"{two * MAX_VERSION_LENGTH}"[: MAX_VERSION_LENGTH // 2 - 1]
            + "!"
        )
        began = time.process_time()
        is_range(text)
        assert time.process_time() - began < 1, text


def test_a_number_that_npm_cannot_count_to_is_no_version() -> None:
    assert is_version("9007199254740991.0.0")
    assert not is_version("9007199254740992.0.0")
    assert not is_version("1.0.0-" + "a" * MAX_VERSION_LENGTH)
    assert newest_first(["1.0.0-90071992547409920", "1.0.0-90071992547409921"])[0] == "1.0.0-90071992547409921"
