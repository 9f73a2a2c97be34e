"""Substitution of Flux's placeholders in text, by the syntax of its library (fluxcd/pkg/envsubst)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.flux_import.substitutions import ambiguous_values, as_config, substitute
from reconciler.domain.validation.placeholders import find_placeholders, unescape_literals
from reconciler.model.source import Source

# Placeholders and values


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a: ${N}", "a: 3"),
        ("a: ${N:=1}-${N:-1}-${N=1}", "a: 3-3-3"),
        ("a: ${N:-${OTHER}} ${N:=a${OTHER:-{}b}", "a: 3 3"),
        ("a: ${OTHER} $N $(N) ${{N}}", "a: ${OTHER} $N $(N) ${{N}}"),
        ("a: $${N} $$${N} $$$${N}", "a: $${N} $$3 $$$${N}"),
        ("a: ${N/./-} ${N^^} ${#N} ${N:0:1} ${N", "a: ${N/./-} ${N^^} ${#N} ${N:0:1} ${N"),
    ],
)
def test_placeholders_are_filled_in_before_the_text_is_parsed(text: str, filled: str) -> None:
    assert substitute(text, {"N": "3"}) == filled


def problems(text: str) -> list[tuple[str, str, str]]:
    found = ambiguous_values(Source("hr.yaml"), {"a": text}, ("spec", "values"))
    return [(problem.severity, problem.message.removeprefix("spec.values.a contains "), problem.hint) for problem in found]


@pytest.mark.parametrize(
    "expression",
    ["/./-", "//./-", "^", "^^", ",", ",,", ":0:3", ":11", "#*.", "##*/", "%.*", "%%.*", "/#a/b", "/%a/b", ":+x", ":?x"],
)
def test_a_function_is_told_as_one(expression: str) -> None:
    told = [("error", f"${{D{expression}}}, which Flux substitutes and the reconciler does not", HINT)]
    assert problems(f"x-${{D{expression}}}-tls") == told


HINT = "write what Flux makes of it: functions are not computed here"


def test_the_length_is_a_function_too() -> None:
    assert problems("${#D}") == [("error", "${#D}, which Flux substitutes and the reconciler does not", HINT)]


def test_a_nested_default_is_told_once_and_whole() -> None:
    assert problems("${A:-${B:=x}}") == [
        ("error", "${A:-${B:=x}}, which Flux substitutes and the reconciler does not", "give --set A=${B:=x}")
    ]


@pytest.mark.parametrize("text", ["$${A}", "$$$${A}", "${{ a }}", "${a.b}", "$A", "$(A)", "${}", "${A", "{A}"])
def test_what_flux_substitutes_not_either_is_not_told(text: str) -> None:
    assert problems(text) == []


def test_two_dollars_elsewhere_are_told() -> None:
    ((severity, message, _),) = problems("pa$$word")
    assert (severity, message) == ("warning", "$$, which is one $ to Flux where its Kustomization substitutes; here it stays")


# Literal text


@pytest.mark.parametrize(
    ("written", "runs"),
    [
        ('echo "$${HOSTNAME}"', 'echo "${HOSTNAME}"'),
        ("$$$${A}", "$${A}"),
        ("$${{ x }}", "${{ x }}"),
        ("$${a.b}", "${a.b}"),
        ("${a.b} $A", "${a.b} $A"),
        ("$${A:-$${B}}", "${A:-${B}}"),
        ("$${A/./-}", "${A/./-}"),
    ],
)
def test_what_is_literal_to_flux_is_written_so_that_it_is_literal_here(written: str, runs: str) -> None:
    config = as_config(Source("hr.yaml"), {"a": [written]})
    assert list(find_placeholders(Source("a.yaml", config))) == []
    assert unescape_literals(config) == {"a": [runs]}


@pytest.mark.parametrize("written", ["${A}", "$$${A}", "${A:-x}", "${A/./-}"])
def test_what_flux_would_substitute_is_never_written_as_literal(written: str) -> None:
    assert list(find_placeholders(Source("a.yaml", as_config(Source("hr.yaml"), {"a": written}))))


@given(st.text(alphabet="$${}AB:-/ #", max_size=40))
def test_where_substitution_is_disabled_everything_is_literal(text: str) -> None:
    metadata = {"annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}}
    source = Source("hr.yaml", {"metadata": metadata})
    assert unescape_literals(as_config(source, {"a": text})) == {"a": text}
    assert all(problem.code == "Boolean" for problem in ambiguous_values(source, text, ()))
