"""Python virtual environments in the cache, keyed by what is pinned in them."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from typing import TYPE_CHECKING

import places
from trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

_TAIL = 12


def project() -> Path:
    """Return the Python that has everything pinned in `deploy/requirements.txt`.

    The project itself is not installed there, as the cache is shared between checkouts: `environment` puts the
    checkout on `PYTHONPATH`.
    """
    return create("project", places.REQUIREMENTS, "the project's Python packages")


def environment() -> dict[str, str]:
    """Return the environment for `project`'s Python.

    It imports this checkout's packages, and finds this folder in `CATALYST_SANDBOX` and the cache in
    `CATALYST_SANDBOX_CACHE`. What it compiles is kept in the cache, also where the person wants none of it beside the
    sources: the tests start our command hundreds of times.
    """
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(places.cache() / "bytecode"),
        "PYTHONPATH": str(places.CHECKOUT),
        "CATALYST_SANDBOX": str(places.SANDBOX),
        "CATALYST_SANDBOX_CACHE": str(places.cache()),
    }


def create(name: str, requirements: Path, what: str) -> Path:
    """Return the Python of a virtual environment with these packages, making it when there is none.

    It is keyed by the requirements and by this Python's version, and counts as made only once its last file is written.

    Args:
        name: what its folder's name begins with.
        requirements: pinned packages with their hashes.
        what: the packages in the person's words, for the progress line.

    Raises:
        Trouble: this Python cannot make virtual environments, or the packages could not be installed.
    """
    identity = f"{platform.python_implementation()} {platform.python_version()} {sysconfig.get_platform()}\n"
    key = hashlib.sha256(identity.encode() + requirements.read_bytes()).hexdigest()[:12]
    home = places.cache() / "python" / f"{name}-{key}"
    python, made = home / "bin" / "python", home / "made"
    if _usable(made, python):
        return python
    with places.locked(home.with_name(f"{home.name}.lock"), f"installing {what}"):
        if _usable(made, python):
            return python
        places.say(f"  {what} ... ", end="")
        started = time.monotonic()
        shutil.rmtree(home, ignore_errors=True)
        _run(
            [sys.executable, "-m", "venv", home],
            f"{sys.executable} cannot make a virtual environment: install its venv module "
            "(the package python3-venv on Debian and Ubuntu)",
        )
        _run(
            [python, "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "-r", requirements],
            f"pip could not install {what}, pinned in {requirements}: does this machine reach its package index?",
        )
        made.touch()
        places.say(f"installed in {time.monotonic() - started:.0f} s")
    return python


def _usable(made: Path, python: Path) -> bool:
    return made.exists() and python.exists()  # a link to a Python that may have been removed since


def _run(command: list[str | Path], trouble: str) -> None:
    # PYTHONPATH and the like would leak the person's packages into an environment that is keyed by its pins alone.
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        command,
        env={**clean, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        places.say("failed")
        raise Trouble("\n".join([trouble, *done.stdout.splitlines()[-_TAIL:]]))
