"""Numbers of values, as Helm 4.2.2 prints them of a file with the same text (its library reads YAML 1.1, as Flux does)."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.flux_import.scalars import number_of_yaml11, with_flux_numbers
from reconciler.formats.yaml.documents import load

TABLE = {
    "0775": 509, "0o775": 509, "0x1F": 31, "0b101": 5, "1_000": 1000, "0_775": 509, "-0775": -509, "+0775": 509, "08": 8,
    "089": 89,
    "1e3": 1000, "1.5e3": 1500, "12e4567": None, "1:30": None, "0777_7": 4095, "1_000.5": 1000.5, ".5": 0.5, "0.": 0, "5.": 5,
    "-0": 0, "+1": 1, "0o8": None, "0b2": None, "1__0": 10, "0x_1f": 31, "-0b11": -3, "1e-2": 0.01, "2001-12-14": None,
    "1.2.3": None, "07.5": 7.5, "-.5": -0.5, "+.5": 0.5, "1E3": 1000, "0O17": 15, "0B11": 3, "0X1f": 31, "0": 0, "007": 7,
}  # fmt: skip


@pytest.mark.parametrize("text", TABLE)
def test_a_plain_number_is_what_helm_prints(text: str) -> None:
    number = number_of_yaml11(text)
    assert (type(number), number) == (type(TABLE[text]), TABLE[text])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{a: 0775}", {"a": 509}),
        ("{a: '0775', b: \"1_000\"}", {"a": "0775", "b": "1_000"}),
        ("[0775, 1e3,0o10 , 0775 and more]", [509, 1000, 8, "0775 and more"]),
        ("\n    a: 0775  # rights\n    b: |\n      0775\n    c:\n      0775\n", {"a": 509, "b": "0775\n", "c": 509}),
        ("{a: true, b: null, c: off, d: 1.10}", {"a": True, "b": None, "c": "off", "d": 1.1}),
        ("{a: 0775-rc}", {"a": "0775-rc"}),
    ],
)
def test_values_are_read_as_flux_reads_them(written: str, read: Any) -> None:
    text = f"kind: HelmRelease\nspec:\n  values:\n   x: {written}\n  other: {{a: 0775}}\n"
    source = load(text.encode(), "hr.yaml")
    assert source.problems == ()
    data = with_flux_numbers(source, text.split("\n")).data
    assert data["spec"]["values"] == {"x": read}
    assert data["spec"]["other"] == {"a": 775}
