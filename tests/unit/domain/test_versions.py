"""npm-style ranges, as documents use them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain import versions
from reconciler.domain.versions import is_older, is_range, is_version, newest_first, satisfies


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        ("^1.3", ["1.3.0", "1.9.9"], ["1.2.9", "2.0.0"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]),
        ("~1.3.2", ["1.3.2", "1.3.9"], ["1.4.0", "1.3.1"]),
        ("1.x", ["1.0.0", "1.9.0"], ["2.0.0", "0.9.0"]),
        ("*", ["0.0.1", "9.0.0"], []),
        (">=1.2 <2", ["1.2.0", "1.99.0"], ["1.1.9", "2.0.0"]),
        ("1.2 - 1.4", ["1.2.0", "1.4.9"], ["1.5.0"]),
        ("1.x || >=3.1.0", ["1.0.0", "3.1.0"], ["2.0.0", "3.0.0"]),
        ("1.3.0", ["1.3.0"], ["1.3.1"]),
        (">= 1.2 < 2", ["1.2.0", "1.99.0"], ["1.1.9", "2.0.0"]),
        ("~> 1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.9"]),
        ("^v1.2 || v3.x", ["1.2.0", "3.9.0"], ["2.0.0", "4.0.0"]),
    ],
)
def test_a_range_holds_the_versions_that_npm_says(range_: str, inside: list[str], outside: list[str]) -> None:
    assert is_range(range_)
    assert [v for v in inside if not satisfies(v, range_)] == []
    assert [v for v in outside if satisfies(v, range_)] == []


def test_a_pre_release_fits_only_where_the_range_names_one_of_that_version() -> None:
    assert not satisfies("1.4.0-rc.1", "^1.3")
    assert not satisfies("2.0.0-rc.1", "*")
    assert not satisfies("1.4.0-rc.1", ">=1.3.0-rc.1 <2")
    assert satisfies("1.3.0-rc.2", ">=1.3.0-rc.1 <2")
    assert satisfies("1.3.0-rc.1", "1.3.0-rc.1")


def test_build_metadata_does_not_keep_a_version_out_of_a_range() -> None:
    assert satisfies("1.3.0+build.7", "^1.3")


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        "latest",
        "banana",
        "1.2.3\n",
        "1.2.\u0663",
        "^",
        ">",
        "1.2.3.4",
        "1.x.y.z",
        "^1.3; rm",
        "\x00",
        "é",
        "9" * 5000,
        "^1.3 ||" * 5000 + "x",
        " " * 100_000,
        "1.0.0-" * 9999,
    ],
)
def test_a_hostile_range_is_none_and_holds_nothing(text: str) -> None:
    assert not is_range(text)
    assert not satisfies("1.0.0", text)


@given(st.text("0123.x*^~<>=-|+ av", max_size=30) | st.text(max_size=20), st.text("012.-+a", max_size=12))
def test_no_text_makes_ranges_or_versions_raise(text: str, version: str) -> None:
    is_range(text)
    is_version(text)
    satisfies(version, text)
    newest_first([text, version])


def test_the_newest_version_is_first_and_other_tags_are_passed_over() -> None:
    tags = ["latest", "1.2.0", "1.10.0", "sha256-abc.sig", "1.10.0-rc.1", "1.2.0", "v3.0.0", "", "1.2"]
    assert newest_first(tags) == ("1.10.0", "1.10.0-rc.1", "1.2.0")


@given(st.permutations(["1.0.0", "1.0.0+b", "1.0.0+a", "1.0.0-rc", "0.9.0"]))
def test_the_order_of_versions_does_not_depend_on_that_of_tags(tags: list[str]) -> None:
    assert newest_first(tags) == ("1.0.0+b", "1.0.0+a", "1.0.0", "1.0.0-rc", "0.9.0")


@pytest.mark.parametrize(
    ("one", "two", "answer"),
    [
        ("1.2.3", "1.2.4", True),
        ("1.2.4", "1.2.3", False),
        ("1.2.3-rc.1", "1.2.3", True),
        ("1.2.3-rc.2", "1.2.3-rc.10", True),
        ("1.2.3", "1.2.3+build.7", False),
        ("1.2.3+build.7", "1.2.3", False),
    ],
)
def test_builds_of_one_version_are_as_old_as_each_other(one: str, two: str, answer: bool) -> None:
    assert is_older(one, two) is answer


@pytest.mark.parametrize("range_", ["<2", "<=2.0.0", "<1.1.0 || <2", "*"])
def test_a_range_that_names_no_pre_release_takes_none(range_: str) -> None:
    assert not satisfies("2.0.0-rc.1", range_)
    assert not satisfies("1.1.0-rc.1", range_)


@given(st.from_regex(versions._SIMPLE, fullmatch=True))
def test_what_is_a_range_at_first_sight_is_one_to_the_port(text: str) -> None:
    assert versions._parsed_range(text) is not None
