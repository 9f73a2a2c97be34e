"""The cosign that the machine has: where it is new enough, the demo builds none."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import places

OLDEST = (3, 0, 6)
"""The oldest version that the reconciler works with."""

_PATIENCE = 30.0


def on_path(patience: float = _PATIENCE) -> Path | None:
    """Return the cosign on PATH when it is 3.0.6 or newer, and say which one is used, or why it is not.

    Args:
        patience: seconds in which it must have said its version.
    """
    name = shutil.which("cosign")
    if not name:
        return None
    program = Path(name).absolute()
    version = _version(program, patience)
    if not version:
        places.say(f"  {program} does not say its version: another one is used")
        return None
    if version < OLDEST:
        places.say(f"  {program} is cosign {_dotted(version)}, and {_dotted(OLDEST)} is needed: another one is used")
        return None
    places.say(f"  cosign {_dotted(version)} is {program}, on PATH: none is built")
    return program


def _version(program: Path, patience: float) -> tuple[int, ...]:
    """Return what the program calls itself, such as `(3, 0, 6)`; an empty tuple when it cannot be run or does not say."""
    try:
        done = subprocess.run(
            [program, "version", "--json"], stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(rb'"gitVersion":\s*"v(\d{1,4})\.(\d{1,4})\.(\d{1,4})', done.stdout)
    return tuple(int(part) for part in found.groups()) if found and done.returncode == 0 else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
