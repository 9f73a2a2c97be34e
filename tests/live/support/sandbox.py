"""Runs the sandbox's own command."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.paths import SANDBOX


def run_sandbox(*arguments: str) -> Any:
    """Run the sandbox's own command, as a person would, and return its JSON."""
    done = subprocess.run(
        [sys.executable, str(SANDBOX), *arguments, "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"deploy/sandbox {' '.join(arguments)} failed:\n{done.stderr}", pytrace=False)
    return json.loads(done.stdout)
