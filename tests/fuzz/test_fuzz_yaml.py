"""Whatever a text holds, it is read or refused in our words, and split as others split it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml as yaml11  # type: ignore[import-untyped]
from hypothesis import given

from reconciler.formats.yaml.documents import load, load_all
from tests.fuzz.mutations import FUZZ, mutated, pieces, seeds

if TYPE_CHECKING:
    from reconciler.model.source import KeyPath

YAML = seeds("*.yaml")


def parts(data: Any, way: KeyPath = ()) -> set[KeyPath]:
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return {way}.union(*(parts(inner, (*way, step)) for step, inner in below))


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
@given(pieces())
def test_a_text_of_traps_is_split_as_yaml_1_1_splits_it(text: str) -> None:
    for source in load_all(text.encode(), "f.yaml"):
        if source.problems:
            return
        assert parts(source.data) == set(source.locations)
    # PyYAML composes the same events with its own composer, which resolves aliases by itself.
    assert [skeleton(source.data) for source in load_all(text.encode(), "f.yaml")] == [
        shape(node) for node in yaml11.compose_all(text, Loader=yaml11.CSafeLoader)
    ]


def skeleton(data: Any) -> Any:
    """The data without its scalars."""
    if isinstance(data, dict):
        return {key: skeleton(value) for key, value in data.items()}
    return [skeleton(value) for value in data] if isinstance(data, list) else None


def shape(node: Any) -> Any:
    """The same of a node of PyYAML."""
    if isinstance(node, yaml11.MappingNode):
        return {key.value: shape(value) for key, value in node.value}
    return [shape(value) for value in node.value] if isinstance(node, yaml11.SequenceNode) else None
