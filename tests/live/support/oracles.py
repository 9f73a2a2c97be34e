"""Asks Helm and kustomize, in the versions that Flux's controllers contain, what they make of charts, values and YAML."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.chart_archives import packed

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT = 60.0  # seconds; an answer takes a tenth of one
SHOWING = """apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
  values: {{ omit .Values "global" | toJson | b64enc }}
"""


@dataclass(frozen=True)
class HelmAnswer:
    """What Helm made of a chart and values.

    Attributes:
        refusal: its reason; empty when it renders the chart.
        values: the values of the chart's templates; None when it is refused.
    """

    refusal: str
    values: dict[str, Any] | None


@dataclass(frozen=True)
class Oracles:
    """The programs."""

    helm: Path
    kustomize: Path

    def ask_helm(self, archive: bytes, values: Mapping[str, Any] | None = None, chart_name: str = "app") -> HelmAnswer:
        """Returns what Helm does with a packed chart and values of JSON data.

        The chart's values are shown when it has the template of `with_shown_values`.
        """
        with tempfile.TemporaryDirectory() as folder:
            chart, given = Path(folder, f"{chart_name}.tgz"), Path(folder, "values.json")
            chart.write_bytes(archive)
            given.write_text(json.dumps(values or {}))
            done = _run(self.helm, "template", "release", chart, "--values", given, cwd=folder)
        if done.returncode:
            return HelmAnswer(done.stderr.strip() or "no reason", None)
        return HelmAnswer("", _shown(done.stdout))

    def send(self, release: bytes) -> Any:
        """Returns the values of a HelmRelease as a chart's templates have them; None if kustomize or Helm refuses it."""
        built = self.ask_kustomize(release.decode())
        if built is None:
            return None
        chart = packed(with_shown_values({}))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "app.tgz").write_bytes(chart)
            Path(folder, "release.yaml").write_text(built)
            done = _run(self.helm, "template", "release", "app.tgz", "--values", "release.yaml", cwd=folder)
        return None if done.returncode else _shown(done.stdout)["spec"]["values"]

    def ask_kustomize(self, document: str) -> str | None:
        """Returns an object as kustomize writes it; None when it refuses it."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "kustomization.yaml").write_text("resources: [object.yaml]\n")
            Path(folder, "object.yaml").write_text(document)
            done = _run(self.kustomize, "build", folder, cwd=folder)
        return None if done.returncode else done.stdout


def with_shown_values(files: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """Returns a chart's files with a template that shows the values it is given."""
    return {"templates/shown.yaml": SHOWING, **files}


def _shown(manifests: str) -> Any:
    """The values that the template of `with_shown_values` shows; None when it is not among the manifests."""
    shown = [line for line in manifests.splitlines() if line.startswith("  values: ")]
    return json.loads(base64.b64decode(shown[0].removeprefix("  values: ")), parse_int=number) if shown else None


def number(text: str) -> float:
    """A number as Go has it, which writes the float64 5.8e16 with all its digits."""
    return int(text) if abs(int(text)) < 2**53 else float(text)


def _run(program: Path, *arguments: str | Path, cwd: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": cwd},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
