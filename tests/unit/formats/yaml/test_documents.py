"""YAML as documents are written: 1.2, with places, within limits; written so that YAML 1.1 reads the same."""

from __future__ import annotations

import json
import string
from typing import TYPE_CHECKING, Any

import pytest
import yaml as yaml11  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.formats.yaml.documents import MAX_BYTES, MAX_DOCUMENTS, dump, load, load_all, load_cached

if TYPE_CHECKING:
    from reconciler.model.problem import Problem

# Any text a YAML file may carry, and often what some YAML takes for something else.
TRAPS = [
    *("yes", "No", "ON", "off", "y", "N", "true", "False", "null", "~", "NaN", ".inf", "-.INF", "=", "<<", "---", "..."),
    *("-", "?", ":", "#", "!", "&", "*", "|", ">", "%", "@", "`", "1e3", "12e4567", "012", "0o17", "0x1F", "1:20", "1:20:30"),
    *("1_000", "0b1", "+1", "-0", "1.", ".5", "2020-01-01", "2020-01-01T10:00:00Z"),
    *("", " ", "a ", " a", "a: b", "a #b", "a\n", "a\nb\n", "a\n\n", "\n", " a\nb\n", "a\tb", "\ta", "# a\n", "--- a\n"),
    *(
        "\x00",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\ufeffa\n",
        "\U0001f600",
        "\uffff",
        "é\nü\n",
        "a\r\nb\n",
    ),
]
TEXT = st.sampled_from(TRAPS) | st.text() | st.text(string.printable)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def data_of(text: str) -> Any:
    read = load(text.encode(), "f.yaml")
    assert not read.problems
    return read.data


def problem_of(text: str | bytes) -> Problem:
    read = load(text.encode() if isinstance(text, str) else text, "f.yaml")
    assert read.data is None
    (problem,) = read.problems
    assert problem.file == "f.yaml"
    return problem


@pytest.mark.parametrize(
    "word", ["no", "Off", "yes", "y", "1e3", "12e4567", "2020-01-01", "1:20", "1_000", "1_0.5", "0b1", "0o9", "<<", "="]
)
def test_words_that_only_other_yaml_versions_read_as_something_else_stay_strings(word: str) -> None:
    assert data_of(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("-7", -7),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1.0e3", 1000.0),
        ("!!str 5", "5"),
        ('"5"', "5"),
    ],
)
def test_what_yaml_1_2_reads_as_a_value_is_that_value(text: str, value: object) -> None:
    found = data_of(f"a: {text}")["a"]
    assert (type(found), found) == (type(value), value)


def test_keys_are_the_strings_they_look_like() -> None:
    assert data_of("1: a\nno: b\n~: c\n2020-01-01: d") == {"1": "a", "no": "b", "~": "c", "2020-01-01": "d"}


def test_every_part_has_the_place_of_its_key_and_of_its_value() -> None:
    places = load(b"a:\n  bee:   7\n  list:\n  - x\n  - y: {z: 1}\n", "f.yaml").locations
    shown = {way: (p.line, p.column, p.value_line, p.value_column) for way, p in places.items()}
    assert shown == {
        (): (1, 1, 1, 1),
        ("a",): (1, 1, 2, 3),
        ("a", "bee"): (2, 3, 2, 10),
        ("a", "list"): (3, 3, 4, 3),
        ("a", "list", 0): (4, 5, 4, 5),
        ("a", "list", 1): (5, 5, 5, 5),
        ("a", "list", 1, "y"): (5, 5, 5, 8),
        ("a", "list", 1, "y", "z"): (5, 9, 5, 12),
    }


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "NotOneDocument", (1, 1)),
        ("# only a remark\n", "NotOneDocument", (1, 1)),
        ("a: 1\n---\nb: 2\n", "NotOneDocument", (1, 1)),
        ("a: 1\nb: 2\na: 3\n", "DuplicateKey", (3, 1)),
        ("a: 1\n'a': 3\n", "DuplicateKey", (2, 1)),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", "MergeKey", (3, 3)),
        ("a: !!python/object:os.system ls\n", "UnknownTag", (1, 4)),
        ("a: !!binary aGk=\n", "UnknownTag", (1, 4)),
        ('a: !!int ""\n', "UnknownTag", (1, 4)),
        ("a: !!bool x\n", "UnknownTag", (1, 4)),
        ("a: !!set {b}\n", "UnknownTag", (1, 4)),
        ("!mine k: 1\n", "UnknownTag", (1, 1)),
        ("? [a]\n: 1\n", "NotAString", (1, 3)),
        ("a: .nan\n", "NotANumber", (1, 4)),
        ("a: -.inf\n", "NotANumber", (1, 4)),
        ("a: 1.5e999\n", "NotANumber", (1, 4)),
        ("a: 18446744073709551616\n", "NotANumber", (1, 4)),
        (f"a: 0x{'f' * 5000}\n", "NotANumber", (1, 4)),
        (f"a: {'9' * 5000}\n", "NotANumber", (1, 4)),
        ("a: *nowhere\n", "UnknownAlias", (1, 4)),
        ("a: [1, 2\n", "NotYaml", (2, 1)),
        ("a:\n\tb: 1\n", "NotYaml", (2, 1)),
        ("a: \x1b[31m\n", "NotYaml", (1, 4)),
        ('b: 1\na: "\\U00110000"\n', "NotYaml", (2, 7)),
        ('b: 1\na: "\\UFFFFFFFF"\n', "NotYaml", (2, 7)),
        ('a: "\\ud800"\n', "NotUnicode", (1, 7)),
        ('"\\udfff": 1\n', "NotUnicode", (1, 4)),
        ("%YAML 1.1\n---\na: no\n", "NotYaml", (1, 1)),
        ("%YAML 1.0\n---\na: 1\n", "NotYaml", (1, 1)),
        ("%YAML 3.0\n---\na: 1\n", "NotYaml", (1, 1)),
        ("a: 1\n%YAML 1.0\n---\nb: 1\n", "NotYaml", (2, 1)),
        ("a:\n%YAML 1.7\n---\n  b:\n  c: 1\n", "NotYaml", (2, 1)),
        ("%TAG ! tag:x,2020:\n---\na: 1\n", "NotYaml", (1, 1)),
        (f"%YAML {'9' * 5000}.1\n---\na: 1\n", "NotYaml", (1, 16)),
    ],
)
def test_what_is_not_plain_data_is_refused_where_it_stands(text: str, code: str, place: tuple[int, int]) -> None:
    problem = problem_of(text)
    assert (problem.code, (problem.line, problem.column)) == (code, place)
    assert len(str(problem)) < 400


@pytest.mark.parametrize("text", ["a: *canary7\n", "a: !canary7 b\n", "a: !<canary7> b\n", f"a: {'7' * 30}\n"])
def test_what_may_be_a_secret_that_was_not_quoted_is_not_repeated(text: str) -> None:
    said = str(problem_of(text))
    assert "canary7" not in said
    assert "7777" not in said


def test_a_tab_is_named_as_the_culprit() -> None:
    assert "spaces, not tabs" in problem_of("a:\n\tb: 1\n").hint


def test_a_tab_may_separate() -> None:
    assert data_of("a: 1\t# remark\nb:\t2\nc: x\ty\n") == {"a": 1, "b": 2, "c": "x\ty"}


def test_the_tag_of_an_exclamation_mark_alone_makes_a_string() -> None:
    assert data_of("a: ! 12\nb: ! true\nc: ! null\n") == {"a": "12", "b": "true", "c": "null"}


@pytest.mark.parametrize("text", ["a: { ?foo: 1 }\n", "a: [?x]\n", "é: {?b: 1}\n", "{a: 1, ?b: 2}\n"])
def test_a_question_mark_that_go_yaml_drops_is_refused(text: str) -> None:
    assert "quote what begins with a question mark" in problem_of(text).hint


def test_a_question_mark_that_all_read_alike_is_read() -> None:
    assert data_of("? a\n: 1\n?b: 2\nc: ?d\n'?e': [a?b, {f?: 1}]\n") == {"a": 1, "?b": 2, "c": "?d", "?e": ["a?b", {"f?": 1}]}


@pytest.mark.parametrize("text", ['a: "x\\/y"\n', '"k\\/": 1\n', 'a: "é\\\\\\/y"\n', 'a: &x ! "\\/"\nb: *x\n'])
def test_an_escaped_slash_that_go_yaml_does_not_know_is_refused(text: str) -> None:
    assert "write / without a backslash" in problem_of(text).hint


def test_a_slash_behind_an_escaped_backslash_is_read() -> None:
    assert data_of('a: "x\\\\/y"\nb: \'\\/\'\nc: \\/\nd: "\\\\\\\\/"\n') == {"a": "x\\/y", "b": "\\/", "c": "\\/", "d": "\\\\/"}


@pytest.mark.parametrize(
    "text",
    [
        "a: [!!str, b]\n",
        "a: [!, b]\n",
        "a: {b: !!str, c: 1}\n",
        "a: [&x !!str, *x]\n",
        "a: [!<tag:yaml.org,2002:str>, b]\n",
        "a: {!, b: 1}\n",
    ],
)
def test_a_comma_that_go_yaml_takes_for_a_part_of_the_tag_is_refused(text: str) -> None:
    assert problem_of(text).code == "NotYaml"


def test_a_tag_that_all_read_alike_is_read() -> None:
    assert data_of('a: [!!str , !!str "", ! \'\', b]\nc: !!str\nd: {e: ! "", f: !!str 1}\n') == {
        "a": ["", "", "", "b"],
        "c": "",
        "d": {"e": "", "f": "1"},
    }


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\ufeff", "\x9c", "\x00"])
def test_a_character_that_others_take_for_a_line_end_or_cannot_read_is_refused_at_its_place(character: str) -> None:
    problem = problem_of(f"a: 1\nb: 'x{character}y'\n")
    assert (problem.code, problem.line, problem.column) == ("NotYaml", 2, 6)
    assert data_of(f'b: "x\\u{ord(character):04x}y"\n') == {"b": f"x{character}y"}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a: 0755\nb: 755\nc: '0755'\n", [("a",)]),
        ("a: [1e9, 8_080, yes, 0b11, 08, 1.0, 0x1F, 0o17, 2020-01-01, no, y, 1:20]\n", [("a", i) for i in (0, 1, 2, 3, 9, 10)]),
        ("a: &x on\nb: *x\n", [("a",), ("b",)]),
    ],
)
def test_what_yaml_1_1_reads_as_another_value_is_marked(text: str, paths: list[Any]) -> None:
    assert list(load(text.encode(), "f").ambiguous) == paths


def test_parts_behind_an_alias_have_the_places_of_what_it_stands_for() -> None:
    read = load(b"a: &x\n  b: 1\nc: *x\nd: [*x]\ne: &y {f: *x}\ng: *y\n", "f")
    assert read.data == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}], "e": {"f": {"b": 1}}, "g": {"f": {"b": 1}}}
    assert {(*path,): at.value_line for path, at in read.locations.items() if path[-1:] == ("b",)} == {
        ("a", "b"): 2,
        ("c", "b"): 2,
        ("d", 0, "b"): 2,
        ("e", "f", "b"): 2,
        ("g", "f", "b"): 2,
    }


def test_an_alias_keeps_what_its_anchor_was_when_it_was_written() -> None:
    assert data_of("a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\ne: *x\n") == {"a": 1, "b": [1], "c": 2, "d": [1], "e": 2}
    assert data_of("&k a: 1\nb: *k\nc: {*k : 2}\n") == {"a": 1, "b": "a", "c": {"a": 2}}


def test_a_byte_order_mark_is_not_part_of_the_text() -> None:
    assert data_of("\ufeffa: 1\n") == {"a": 1}


def test_text_that_is_not_utf_8_is_refused_at_its_line() -> None:
    problem = problem_of(b"a: 1\nb: \xff\n")
    assert (problem.code, problem.line) == ("NotUtf8", 2)
    assert problem_of("a: 1".encode("utf-16")).code == "NotUtf8"


def test_an_anchor_may_be_used_and_used_again() -> None:
    assert data_of("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("a: " + "x" * MAX_BYTES, "TooLarge", id="a scalar of a megabyte"),
        pytest.param("[" * 10_000, "TooDeep", id="deep flow lists"),
        pytest.param("{a: " * 10_000, "TooDeep", id="deep flow mappings"),
        pytest.param("- " * 10_000, "TooDeep", id="deep block lists"),
        pytest.param("? " * 10_000, "NotAString", id="deep keys"),
        pytest.param("&a [*a]", "TooDeep", id="a list that holds itself"),
        pytest.param("a: &a\n  b: *a\n", "TooDeep", id="a mapping that holds itself"),
        pytest.param(BOMB, "TooManyParts", id="an alias bomb"),
        pytest.param(f"a: &a {'x' * 50_000}\nb: [{'*a, ' * 10_000}]\n", "TooLarge", id="a long text, many times by its alias"),
        pytest.param("---\n" * 250_000, "NotOneDocument", id="very many documents"),
        pytest.param("[" + "a," * 150_000, "TooManyParts", id="very many parts, and no end"),
    ],
)
def test_what_is_too_much_is_refused_and_never_a_hang(text: str, code: str) -> None:
    assert problem_of(text).code == code


def test_the_limits_are_the_readers_to_widen() -> None:
    text = b"[" + b"a," * 200 + b"]"
    assert load(text, "f", max_parts=100).problems[0].code == "TooManyParts"
    assert not load(text, "f", max_parts=300).problems
    assert load(text, "f", max_bytes=100).problems[0].code == "TooLarge"


def test_all_documents_of_a_file_are_read_and_one_bad_one_refuses_it() -> None:
    assert [s.data for s in load_all(b"a: 1\n---\nb: 2\n", "f")] == [{"a": 1}, {"b": 2}]
    assert [s.problems[0].code for s in load_all(b"a: 1\n---\nb: 2\nb: 3\n", "f")] == ["DuplicateKey"]
    assert load_all(b"", "f") == ()


def test_a_file_of_too_many_documents_is_refused_where_they_become_too_many() -> None:
    assert len(load_all(b"a: 1\n---\n" * (MAX_DOCUMENTS - 1) + b"a: 1\n", "f")) == MAX_DOCUMENTS
    (refused,) = load_all(b"a: 1\n---\n" * MAX_DOCUMENTS + b"a: 1\n", "f")
    assert [(p.code, p.line) for p in refused.problems] == [("TooManyDocuments", 2 * MAX_DOCUMENTS + 1)]


@pytest.mark.parametrize("text", [b"a: [x]\n", b"a: &x [x]\nb: *x\n", b"a: [x\n"], ids=["plain", "not plain", "refused"])
def test_what_is_recalled_is_what_was_read(text: bytes) -> None:
    first = load_cached(text, "f.yaml")
    assert first == load(text, "f.yaml")
    assert load_cached(bytes(bytearray(text)), "f.yaml") is first
    assert load_cached(text, "g.yaml").file == "g.yaml"
    assert load_cached(text + b" ", "f.yaml") is not first


@pytest.mark.parametrize("text", ["a: 1 # plain\n", "a: !!str 1\n"], ids=["plain", "not plain"])
def test_limits_hold_whichever_way_a_text_is_read(text: str) -> None:
    for count, refused in ((97, False), (98, True)):
        read = load(f"{text}b: [{'x,' * count}]\n".encode(), "f", max_parts=100)
        assert [p.code for p in read.problems] == ["TooManyParts"] * refused
    for depth, refused in ((64, False), (65, True)):
        read = load(f"{text}b: {'[' * depth}{']' * depth}\n".encode(), "f")
        assert [p.code for p in read.problems] == ["TooDeep"] * refused


@example(1e-05)
@example(1e22)
@given(PLAIN)
def test_what_is_written_reads_back_as_it_was(data: Any) -> None:
    written = dump({"data": data})
    read = load(written, "f.yaml")
    assert not read.problems
    assert json.dumps(read.data) == json.dumps({"data": data})
    assert dump(read.data) == written


@given(PLAIN)
def test_a_yaml_1_1_reader_reads_what_is_written_as_it_was(data: Any) -> None:
    # Flux reads YAML 1.1, as PyYAML does
    assert json.dumps(yaml11.safe_load(dump({"data": data}))) == json.dumps({"data": data})


@given(PLAIN)
def test_a_yaml_1_2_reader_of_others_reads_what_is_written_as_it_was(data: Any) -> None:
    read = YAML(typ="safe", pure=True).load(dump({"data": data}).decode())
    assert json.dumps(read) == json.dumps({"data": data})


def test_what_is_written_is_plain_to_read() -> None:
    key = "-----BEGIN PUBLIC KEY-----\nabc=\n-----END PUBLIC KEY-----\n"
    data: dict[str, Any] = {
        "z": "plain text",
        "a": ["oci://host:5000/x@sha256:12", "no", "1.3"],
        "key": key,
        "empty": {},
        "none": None,
    }
    assert dump(data).decode() == (
        'z: plain text\na:\n- oci://host:5000/x@sha256:12\n- "no"\n- "1.3"\n'
        "key: |\n  -----BEGIN PUBLIC KEY-----\n  abc=\n  -----END PUBLIC KEY-----\nempty: {}\nnone: null\n"
    )


def test_equal_parts_are_written_out_twice_and_documents_are_parted() -> None:
    shared = {"x": 1}
    assert dump({"a": shared, "b": shared}) == b"a:\n  x: 1\nb:\n  x: 1\n"
    assert dump({"a": 1}, {"b": 2}) == b"---\na: 1\n---\nb: 2\n"


@settings(max_examples=300)
@given(st.text("ab:-?[]{},&*!|>'\"%@`#\\\n\t <~0x.1u\ufeff\x85é", max_size=40) | st.text(max_size=30))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    for read in load_all(text.encode(), "f.yaml"):
        assert not read.problems or read.data is None


@given(st.binary(max_size=40))
def test_no_bytes_make_the_reader_raise(text: bytes) -> None:
    load(text, "f.yaml")
