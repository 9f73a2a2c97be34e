"""Parts the files of a kit into those that can hold Flux objects and the others, which need not be valid for the reconciler.

A folder of manifests also holds Helm charts, whose templates are no YAML, and the configuration of applications, with tags and
merge keys. None of it becomes an Application, so nothing in it is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.domain.flux_import.manifests import warning
from reconciler.domain.flux_import.scalars import with_flux_numbers
from reconciler.domain.flux_import.substitutions import is_substituted, substitute
from reconciler.formats.yaml.documents import load_all
from reconciler.model.problem import Problem
from reconciler.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHART_FILE: Final = "Chart.yaml"
_SEPARATOR: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_FLUX_KIND: Final = re.compile(
    r"""kind["']?\s*:\s*["']?(?:HelmRelease|HelmRepository|OCIRepository|GitRepository|Bucket|HelmChart|Kustomization|\w*List)\b"""
)


def documents_of(text: str, file: str, given: Mapping[str, str]) -> Iterable[Source]:
    """Yields the documents of a file, with values of placeholders substituted and numbers as Flux reads them.

    Each is read by itself, so that one that is not valid hides no other. One that cannot be read is an error only when it can
    hold a Flux object.
    """
    for part in _parts(text):
        written = substitute(part, given) if is_substituted(part) else part
        for source in load_all(written.encode(errors="surrogateescape"), file):
            if source.problems and not _FLUX_KIND.search(written):
                yield Source(file, problems=tuple(_left_out(problem) for problem in source.problems))
            else:
                yield with_flux_numbers(source, written.split("\n"))


def chart_problem(file: str, count: int) -> Problem:
    """Returns the warning of a Helm chart in the kit; `count` is the number of files that are not read for it."""
    message = f"is of a Helm chart: its {count} files are left out, as Flux does not apply them by themselves"
    hint = "publish it as a Blueprint if a HelmRelease installs it: reconciler publish"
    return Problem(code="LeftOut", message=message, file=file, hint=hint, severity="warning")


def _parts(text: str) -> Iterable[str]:
    """Yields each document of a text after as many empty lines as precede it in the file."""
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text))]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        if part := text[start:end]:
            yield "\n" * text.count("\n", 0, start) + part


def _left_out(problem: Problem) -> Problem:
    message = f"is left out, as it holds nothing of Flux: {problem.message}"
    return warning(problem.model_copy(update={"code": "LeftOut", "message": message, "hint": ""}))
