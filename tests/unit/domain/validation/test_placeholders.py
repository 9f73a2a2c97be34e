"""Placeholders that nobody fills in are found and named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.validation.environment import validate
from reconciler.domain.validation.placeholders import escape_literals, find_placeholders, unescape_literals
from tests.support.builders import application, files, source

# Placeholders


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("${SOVEREIGN_FQDN}", ["SOVEREIGN_FQDN"]),
        ("https://${HOST}/${PATH}", ["HOST", "PATH"]),
        ("${A}${A}", ["A"]),
        ("${DOMAIN:-hunter2}", ["DOMAIN"]),
        ("${DOMAIN:=hunter2}", ["DOMAIN"]),
        ("$${X} $$${Y} ${Z}", ["Z"]),
        ("${DOMAIN/./-}.x ${A//./-} ${B^^} ${C,} ${D%.*} ${E##*/} ${#F} ${G:0:3}", ["DOMAIN", "A", "B", "C", "D", "E", "F", "G"]),
        ("$X ${} ${ x } $(Y) {{ .z }} ${1} $ {A}", []),
        ("plain", []),
    ],
)
def test_placeholders_are_named_without_their_defaults(text: str, names: list[str]) -> None:
    problems = list(find_placeholders(source({"a": text})))
    assert [p.message for p in problems] == [f"a contains the placeholder ${{{name}}}" for name in names]
    assert "hunter2" not in str(problems)


def test_a_placeholder_is_found_anywhere_in_an_application() -> None:
    one = application("web", config={"hosts": ["a", "${HOST}"], "${KEY}": 1})
    one["metadata"]["labels"] = {"team": "${TEAM}"}
    wish, problems = validate(files(one))
    assert wish is None
    assert [(p.code, p.place, p.message.partition(" ")[0]) for p in problems] == [
        ("UnresolvedPlaceholder", "applications/web.yaml:7:12", "metadata.labels.team"),
        ("UnresolvedPlaceholder", "applications/web.yaml:18:5", "spec.config.hosts.1"),
        ("UnresolvedPlaceholder", "applications/web.yaml:20:4", "spec.config.${KEY}"),
    ]


# Literal text that looks like one


@given(st.text(alphabet="$${}AB:-/ #", max_size=40))
def test_any_text_can_be_written_and_means_itself(text: str) -> None:
    data = {"script": [text], text: 1}
    written = escape_literals(data)
    assert list(find_placeholders(source(written))) == []
    assert unescape_literals(written) == data


def test_the_config_of_an_application_is_what_it_means() -> None:
    one = application("web", config={"script": 'echo "$${HOSTNAME}" $HOME', "$${KEY}": ["$$${A}"]})
    validated, problems = validate(files(one))
    assert problems == ()
    assert validated is not None
    assert validated.declared["web"].application.spec.config == {"script": 'echo "${HOSTNAME}" $HOME', "${KEY}": ["$${A}"]}


def test_a_literal_may_be_written_as_the_hint_says() -> None:
    (problem,) = find_placeholders(source({"a": "${NAME}"}))
    assert "a literal ${NAME} is written $${NAME}" in problem.hint


@pytest.mark.parametrize("kind", ["str", "int", "bool", "bytes"])
def test_a_text_that_sops_encrypted_is_named_and_not_shown(kind: str) -> None:
    text = f"ENC[AES256_GCM,data:k1c=,iv:AAAA,tag:BBBB,type:{kind}]"
    (problem,) = find_placeholders(source({"auth": {"user": text}}))
    assert problem.message == "auth.user is encrypted by SOPS, and nothing decrypts it later"
    assert "k1c" not in str(problem)
