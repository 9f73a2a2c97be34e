"""Problems as SARIF 2.1.0, which code review and editors read. Equal problems give equal bytes: no time, no identifier."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from reconciler import __version__
from reconciler.cli.problem_codes import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.model.problem import Problem, Related

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
TOOL: Final = "catalyst-reconciler"

# From a problem's file to an address: relative to where the run's files lie, unless the file lies elsewhere.
ResultAddress = Callable[[str], str]


def sarif(runs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The whole log."""
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": list(runs)}


def sarif_run(problems: Sequence[Problem], address: ResultAddress, *, about: str = "", failure: str = "") -> dict[str, Any]:
    """One run: the problems of one set of files.

    Args:
        problems: in the order of the results.
        address: returns the address of a file.
        about: what the files are of, where a log has several runs.
        failure: why the files could not be checked; empty when they were.
    """
    codes = sorted({problem.code for problem in problems})
    invocation: dict[str, Any] = {"executionSuccessful": not failure}
    if failure:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": _message(failure)}]
    return {
        "tool": {"driver": {"name": TOOL, "version": __version__, "rules": [_rule(code) for code in codes]}},
        **({"automationDetails": {"id": about}} if about else {}),
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, codes.index(problem.code), address) for problem in problems],
    }


def repository_address(file: str) -> str:
    """The address of a file that is named by its path in a repository."""
    return quote(file)


def seen_from(folder: Path) -> ResultAddress:
    """Addresses of files on disk: relative to a folder for what lies in it."""
    root = folder.absolute()

    def address(file: str) -> str:
        path = Path(os.path.normpath(root / file))
        return quote(path.relative_to(root).as_posix()) if path.is_relative_to(root) else path.as_uri()

    return address


def _rule(code: str) -> dict[str, Any]:
    return {"id": code, "shortDescription": _message(RULES[code])} if code in RULES else {"id": code}


def _result(problem: Problem, index: int, address: ResultAddress) -> dict[str, Any]:
    text = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.severity,
        "message": _message(text),
    }
    if problem.file:
        result["locations"] = [_location(problem, address)]
    if problem.related:
        result["relatedLocations"] = [
            {**_location(related, address), "message": _message(related.message)} for related in problem.related
        ]
    return result


def _location(place: Problem | Related, address: ResultAddress) -> dict[str, Any]:
    if not place.file:
        return {}
    physical: dict[str, Any] = {"artifactLocation": {"uri": address(place.file)}}
    if place.line:
        physical["region"] = {"startLine": place.line, **({"startColumn": place.column} if place.column else {})}
    return {"physicalLocation": physical}


def _message(text: str) -> dict[str, str]:
    """Plain text: braces doubled, or they would be placeholders (3.11.5), and no link that a stranger wrote (3.11.6)."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}
