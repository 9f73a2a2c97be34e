"""A configuration on disk that needs no server: repositories at file:// urls, and a program that says it is cosign."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from reconciler.model.policy_removal import MARKER_FILE
from tests.support.git_server import bare, commit, git
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

COSIGN = '#!/bin/sh\nif [ "$1" = version ]; then echo \'{"gitVersion": "v3.0.6"}\'; exit 0; fi\nexit 1\n'


def reconciler_environment() -> dict[str, str]:
    """The process environment without anything that would configure the program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CATALYST_")}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "reconciler", *map(str, arguments)]


def reconciler(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program with its output in pipes."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=reconciler_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class SovereignFolder:
    """A folder with a configuration file, Environments and a state directory. Its catalog is at an address of nobody at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origins: dict[str, Path] = {}
        self.catalog, self.registry_timeout = "127.0.0.1:1/openova", 0.2
        self.cosign = folder / "bin" / "cosign"
        self.cosign.parent.mkdir()
        self.cosign.write_text(COSIGN)
        self.cosign.chmod(0o755)
        (folder / "trust").mkdir()
        (folder / "trust" / MARKER_FILE).touch()

    def environment(self, name: str, files: dict[str, str] | None) -> Path:
        """Make an Environment's repository, with a first push unless there is nothing to push."""
        self.origins[name] = bare(self.folder / "served" / f"{name}.git")
        if files:
            commit(self.origins[name], "main", files)
        return self.origins[name]

    @property
    def config(self) -> Path:
        """The configuration file, written anew."""
        file = self.folder / "catalyst.yaml"
        file.write_text(
            json.dumps(
                {
                    "sovereign": "demo",
                    "state": "state",
                    "environments": [{"name": n, "url": o.as_uri()} for n, o in self.origins.items()],
                    "catalogs": [{"prefix": self.catalog, "plainHttp": True}],
                    "registry": {"timeout": self.registry_timeout},
                    "trust": {"directory": "trust"},
                    "cosign": {"program": "bin/cosign"},
                    "intervals": {"poll": 0.2, "discover": 0.2},
                }
            )
        )
        return file

    def head(self, name: str, branch: str) -> str:
        return git(self.origins[name], "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
