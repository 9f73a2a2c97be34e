"""The import law of pyproject.toml is whole, and each of its contracts catches the import that it is there for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LINT: Final = "from importlinter.cli import lint_imports_command; lint_imports_command()"
BREAKS: Final = {  # by contract: a module, and an import that it must not have
    "The layers": ("model/base.py", "import reconciler.services"),
    "The stages of a decision": ("domain/versions.py", "import reconciler.domain.desired_state"),
    "The stages of a pass": ("services/repository/ports.py", "import reconciler.services.environment_pass"),
    "No circles, at any depth": ("services/repository/ports.py", "import reconciler.services.repository.branches"),
    "An adapter knows no other adapter": ("adapters/git/merge.py", "import reconciler.adapters.blob_cache"),
    "Only bootstrap constructs: the command line imports no adapter": ("cli/logs.py", "import reconciler.adapters.gitea"),
    "Only bootstrap constructs: use cases name what they need as Protocols, and import no client": (
        "services/repository/ports.py",
        "import reconciler.adapters.git.repository",
    ),
    "Domain and model do no input or output, and know no clock": ("domain/versions.py", "import time"),
    "Formats turn bytes into values and back, and reach nothing outside": ("formats/in_toto.py", "import socket"),
    "pygit2 only in adapters.git": ("model/base.py", "import pygit2"),
    "kubernetes only in adapters.kubernetes": ("adapters/metrics.py", "import kubernetes"),
    "sh only in adapters.cosign": ("adapters/metrics.py", "import sh"),
    "oras only in adapters.registry": ("adapters/metrics.py", "import oras"),
    "httpx only in adapters.gitea": ("adapters/metrics.py", "import httpx"),
    "urllib3 only in adapters.registry, adapters.kubernetes": ("adapters/metrics.py", "import urllib3"),
    "starlette, uvicorn only in adapters.http_server": ("adapters/metrics.py", "import uvicorn"),
    "prometheus_client only in adapters.metrics": ("adapters/blob_cache.py", "import prometheus_client"),
    "yaml only in formats.yaml": ("formats/in_toto.py", "import yaml"),
    "resolvelib only in domain.resolution": ("domain/versions.py", "import resolvelib"),
    "jsonschema_rs only in domain.values": ("domain/versions.py", "import jsonschema_rs"),
    "cel only in domain.values.expressions": ("domain/versions.py", "import cel"),
    "cryptography only in adapters.commit_keys": ("adapters/git/repository.py", "import cryptography"),
    "cronsim only in domain.admission.change_window": ("domain/versions.py", "import cronsim"),
    "nodesemver only in domain.versions": ("domain/catalog.py", "import nodesemver"),
    "pydantic_settings only in config": ("cli/logs.py", "import pydantic_settings"),
    "typer, rich only in cli": ("commands/explain.py", "import rich"),
    "stamina only in adapters": ("services/repository/ports.py", "import stamina"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The contracts that a copy of the project breaks, in which each forbidden import was added."""
    copy: Path = tmp_path_factory.mktemp("law")
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copytree(ROOT / "reconciler", copy / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))
    for file, line in BREAKS.values():
        module = copy / "reconciler" / file
        module.write_text(f"{module.read_text()}\n{line}\n")
    done = subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return set(re.findall(r"^(.+) BROKEN(?: \(\d+ ignored imports?\))?$", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("contract", BREAKS)
def test_each_contract_catches_what_it_forbids(contract: str, broken: set[str]) -> None:
    assert contract in broken


def test_no_contract_is_missing_and_none_goes_untried() -> None:
    law = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in law] == list(BREAKS)


def test_types_are_imported_by_the_same_law() -> None:
    law = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert not law.get("exclude_type_checking_imports", False)
