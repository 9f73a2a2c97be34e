"""Problems for tools: what SARIF 2.1.0 requires, and nothing that differs from run to run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler import __version__
from reconciler.cli.problem_codes import RULES
from reconciler.cli.sarif import repository_address, sarif, sarif_run, seen_from
from reconciler.model.problem import Problem, Related

if TYPE_CHECKING:
    from pathlib import Path

PROBLEMS = (
    Problem(code="UnknownField", message="unknown field a", file="b c/é.yaml", line=3, column=5, hint="did you mean b?"),
    Problem(code="Conflict", message="m", file="a.yaml", line=1, severity="warning"),
    Problem(
        code="Conflict",
        message="two ranges",
        file="a.yaml",
        related=(
            Related(message="this one", file="a.yaml", line=2, column=7),
            Related(message="and a Blueprint's"),
        ),
    ),
    Problem(code="NotInTheTable", message="no file"),
)


def check(log: dict[str, Any]) -> None:
    """What the specification says of the objects that are written here (by section of SARIF 2.1.0)."""
    assert log["version"] == "2.1.0"  # 3.13.2
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    for one in log["runs"]:  # 3.13.4
        driver = one["tool"]["driver"]  # 3.14.6, 3.18.2
        assert driver["name"]  # 3.19.8
        ids = [rule["id"] for rule in driver["rules"]]  # 3.49.3
        assert len(ids) == len(set(ids))
        assert all(rule.get("shortDescription", {"text": "x"})["text"] for rule in driver["rules"])  # 3.12.3
        assert one["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}  # 3.14.17
        for invocation in one["invocations"]:
            assert isinstance(invocation["executionSuccessful"], bool)  # 3.20.14
            assert all(note["message"]["text"] for note in invocation.get("toolExecutionNotifications", []))  # 3.58.5
        for result in one["results"]:
            assert result["message"]["text"]  # 3.27.11
            assert result["level"] in {"none", "note", "warning", "error"}  # 3.27.10
            assert ids[result["ruleIndex"]] == result["ruleId"]  # 3.27.5, 3.27.6
            for place in (*result.get("locations", []), *result.get("relatedLocations", [])):
                if "physicalLocation" in place:
                    uri = place["physicalLocation"]["artifactLocation"]["uri"]  # 3.4.3
                    assert re.fullmatch(r"[A-Za-z0-9._~:/%-]+", uri)
                    region = place["physicalLocation"].get("region", {"startLine": 1})
                    assert region["startLine"] >= 1  # 3.30.5
                    assert region.get("startColumn", 1) >= 1  # 3.30.6


def test_a_log_is_what_the_specification_requires() -> None:
    log = sarif(
        [
            sarif_run(PROBLEMS, repository_address, about="acme-prod"),
            sarif_run((), repository_address, failure="the registry is away"),
        ]
    )
    check(log)
    assert log["runs"][0]["tool"]["driver"] == {
        "name": "catalyst-reconciler",
        "version": __version__,
        "rules": [
            {"id": "Conflict", "shortDescription": {"text": RULES["Conflict"]}},
            {"id": "NotInTheTable"},
            {"id": "UnknownField", "shortDescription": {"text": RULES["UnknownField"]}},
        ],
    }
    assert log["runs"][0]["automationDetails"] == {"id": "acme-prod"}
    assert log["runs"][1]["invocations"] == [
        {
            "executionSuccessful": False,
            "toolExecutionNotifications": [{"level": "error", "message": {"text": "the registry is away"}}],
        }
    ]
    assert (log["runs"][1]["results"], "automationDetails" in log["runs"][1]) == ([], False)


def test_a_result_says_what_where_how_bad_and_what_to_do() -> None:
    first, second, third, fourth = sarif_run(PROBLEMS, repository_address)["results"]
    assert first == {
        "ruleId": "UnknownField",
        "ruleIndex": 2,
        "level": "error",
        "message": {"text": "unknown field a; did you mean b?"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "b%20c/%C3%A9.yaml"},
                    "region": {"startLine": 3, "startColumn": 5},
                }
            }
        ],
    }
    assert second["level"] == "warning"
    assert second["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert third["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a.yaml"}}}]
    assert third["relatedLocations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "a.yaml"}, "region": {"startLine": 2, "startColumn": 7}},
            "message": {"text": "this one"},
        },
        {"message": {"text": "and a Blueprint's"}},
    ]
    assert "locations" not in fourth


def test_equal_problems_give_equal_bytes() -> None:
    one, two = (json.dumps(sarif([sarif_run(PROBLEMS, repository_address)])) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("must match ^[a-z]{2,31}$", "must match ^[a-z]{{2,31}}$"),
        ("see [here](https://evil.example)", "see [here] (https://evil.example)"),
        ("{0}", "{{0}}"),
    ],
)
def test_a_message_holds_no_placeholder_and_no_link(text: str, written: str) -> None:
    (result,) = sarif_run([Problem(code="Any", message=text)], repository_address)["results"]
    assert result["message"]["text"] == written


def test_files_are_addressed_from_where_the_program_runs(tmp_path: Path) -> None:
    address = seen_from(tmp_path / "here")
    assert address("a/b.yaml") == "a/b.yaml"
    assert address("./x/../b #.yaml") == "b%20%23.yaml"
    assert address(str(tmp_path / "here" / "c.yaml")) == "c.yaml"
    assert address("../d.yaml") == (tmp_path / "d.yaml").as_uri()
    assert address("<stdin>") == "%3Cstdin%3E"
