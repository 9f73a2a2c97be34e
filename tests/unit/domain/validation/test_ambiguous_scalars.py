"""A value that is another one to Helm's own files is told, and stays what it is."""

from __future__ import annotations

import pytest

from reconciler.domain.validation.environment import validate
from reconciler.formats.yaml.documents import load
from tests.support.environment_files import application, environment


def warnings_of(config: str) -> list[tuple[str, str, int, int]]:
    files = {"environment.yaml": environment(), "applications/shop.yaml": application("shop", more=f"  config:\n{config}")}
    validated, problems = validate({file: load(text.encode(), file) for file, text in files.items()})
    assert validated is not None
    return [(p.code, p.message.partition(" ")[0], p.line, p.column) for p in problems if p.severity == "warning"]


@pytest.mark.parametrize("value", ["0755", "1e9", "8_080", "yes", "off", "0b11"])
def test_a_value_that_helm_reads_as_another_is_told_at_its_place(value: str) -> None:
    config = f"    a: 1\n    b:\n    - {value}\n"
    line = application("shop").count("\n") + 4
    assert warnings_of(config) == [("AmbiguousValue", "config.b.0", line, 7)]


@pytest.mark.parametrize("value", ["755", "0o755", "'0755'", '"yes"', "true", "1000000000", "1.5", "2020-01-01", "! 0755"])
def test_a_value_that_all_read_alike_is_not(value: str) -> None:
    assert warnings_of(f"    a: {value}\n") == []
