"""Packs the files of a chart."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART_YAML = "apiVersion: v2\nname: app\nversion: 1.0.0\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


def packed(files: Mapping[str, str | bytes], folder: str = "app") -> bytes:
    """A chart's archive: its files in a folder, with a Chart.yaml unless there is one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in {"Chart.yaml": CHART_YAML, **files}.items():
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(f"{folder}/{path}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
