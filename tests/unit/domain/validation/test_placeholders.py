"""Placeholders that nobody fills in are found and named."""

from __future__ import annotations

import pytest

from reconciler.domain.validation.environment import validate
from reconciler.domain.validation.placeholders import find_placeholders
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
        ("$${X}", ["X"]),
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
