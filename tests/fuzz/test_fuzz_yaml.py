"""Whatever a text holds, it is read or refused in our words; and the fast reader says nothing but what ruamel.yaml says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given

from reconciler.formats.yaml import fast_reader, strict_reader
from reconciler.formats.yaml.documents import MAX_DEPTH, MAX_PARTS, load, load_all
from reconciler.formats.yaml.limits import YamlLimits
from tests.fuzz.mutations import FUZZ, mutated, pieces, seeds

if TYPE_CHECKING:
    from reconciler.model.source import KeyPath, Location

YAML = seeds("*.yaml")


def parts(data: Any, way: KeyPath = ()) -> set[KeyPath]:
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return {way}.union(*(parts(inner, (*way, step)) for step, inner in below))


def careful(text: str) -> list[tuple[str, Any, dict[KeyPath, Location]]] | None:
    """What ruamel.yaml reads; numbers of different types are different. None when it refuses."""
    read = list(strict_reader.read_strictly(text, "f", YamlLimits(1 << 20, MAX_DEPTH, MAX_PARTS)))
    if any(source.problems for source in read):
        return None
    return [(repr(one.data), one.data, dict(one.locations)) for one in read]


def quick(text: str) -> list[tuple[str, Any, dict[KeyPath, Location]]] | None:
    read = fast_reader.read_fast(text, max_depth=MAX_DEPTH, max_parts=MAX_PARTS)
    return None if read is None else [(repr(data), data, places) for data, places in read]


@FUZZ
@given(mutated(YAML))
def test_a_damaged_document_is_read_or_refused_with_its_place(text: bytes) -> None:
    for source in (load(text, "f.yaml"), *load_all(text, "f.yaml")):
        if source.problems:
            assert source.data is None
            assert all(p.file == "f.yaml" and p.message and "\n" not in p.message for p in source.problems)
        else:
            assert parts(source.data) == set(source.locations)


@FUZZ
@given(mutated(YAML))
def test_of_a_damaged_document_the_fast_reader_says_what_ruamel_says(text: bytes) -> None:
    decoded = text.decode("utf-8", "replace")
    if (found := quick(decoded)) is not None:
        assert found == careful(decoded)


@FUZZ
@given(pieces())
def test_of_a_text_of_traps_the_fast_reader_says_what_ruamel_says(text: str) -> None:
    if (found := quick(text)) is not None:
        assert found == careful(text)
