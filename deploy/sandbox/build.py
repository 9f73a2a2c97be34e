"""Building the tools, once, into the cache.

A tool's entry is `tools/<name>-<key>/` with `<name>` and, where it needs any, `share/`; the key is the hash of
everything that decides what the binary does. An entry appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import golang
import places
from trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tools import Tool

_TAIL = 15


@dataclass(frozen=True)
class Built:
    """A tool in the cache."""

    binary: Path
    share: Path


def build(tools: Sequence[Tool], *, tell_cached: bool = True) -> dict[str, Built]:
    """Return the tools by name, building those that the cache has not got.

    Go keeps what it has compiled in a cache of its own, so an interrupted build goes on where it was.

    Args:
        tools: what to build, in this order.
        tell_cached: whether there is a line too for a tool with nothing to do.

    Raises:
        Trouble: there is no Go to be had, no C compiler, or a build failed.
    """
    go = golang.find()
    version = golang.version(go)
    built = {}
    for tool, following in itertools.zip_longest(tools, itertools.islice(tools, 1, None)):
        entry = _entry(tool, version)
        ahead = following if following and not entry.exists() and not _entry(following, version).exists() else None
        with _fetching(ahead, go):
            built[tool.name] = _ensure(tool, go, entry, tell_cached=tell_cached)
    return built


def key(tool: Tool, version: str) -> str:
    """Return what tells this build of a tool from every other: its pins, flags and the version of Go."""
    parts = [(tool.module / name).read_bytes() for name in ("go.mod", "go.sum")]
    parts += [part.encode() for part in (tool.package, *tool.flags(), *tool.share, version)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _entry(tool: Tool, version: str) -> Path:
    return places.cache() / "tools" / f"{tool.name}-{key(tool, version)}"


@contextlib.contextmanager
def _fetching(tool: Tool | None, go: Path) -> Iterator[None]:
    """Bring the sources of the next tool while this one is compiled: one waits for the network, one for the processors.

    That it fails is no matter: the build fetches what is missing, and says what is wrong.
    """
    if not tool:
        yield
        return
    with subprocess.Popen(
        [go, "list", "-deps", tool.package],
        cwd=tool.module,
        env=golang.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as fetch:
        try:
            yield
        except BaseException:
            fetch.terminate()
            raise


def _ensure(tool: Tool, go: Path, entry: Path, *, tell_cached: bool) -> Built:
    built = Built(entry / tool.name, entry / "share")
    title = f"  {tool.name} {tool.version} ..."
    if entry.exists():
        if tell_cached:
            places.say(f"{title} cached")
        return built
    with places.locked(entry.with_name(f"{tool.name}.lock"), f"building {tool.name}"):
        if entry.exists():
            places.say(f"{title} built by another process")
            return built
        if not (shutil.which("gcc") or shutil.which("cc")):
            raise Trouble("there is no C compiler on PATH: install one (the package gcc on most systems)")
        places.say(title, end=" ")
        started = time.monotonic()
        try:
            _make(tool, go, entry)
        except BaseException:
            places.say(f"stopped after {time.monotonic() - started:.0f} s")
            raise
        places.say(f"built in {time.monotonic() - started:.0f} s")
    return built


def _make(tool: Tool, go: Path, entry: Path) -> None:
    partial = entry.with_name(f"{tool.name}.partial")  # the lock makes it ours, whoever left it there
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _go(tool, [go, "build", *tool.flags(), "-o", partial / tool.name, tool.package])
        if tool.share:
            source = json.loads(_go(tool, [go, "mod", "download", "-json", f"{tool.source}@{tool.version}"]))["Dir"]
            for folder in tool.share:
                # `copyfile`, for Go's module cache is read-only, and the copy must be removable.
                shutil.copytree(f"{source}/{folder}", partial / "share" / folder, copy_function=shutil.copyfile)
            _writable(partial / "share")
        partial.replace(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _writable(folder: Path) -> None:
    """Undo the read-only folders that `copytree` copies from Go's module cache."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


def _go(tool: Tool, command: list[str | Path]) -> str:
    done = subprocess.run(
        command,
        cwd=tool.module,
        env=golang.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        why = "\n".join(done.stderr.splitlines()[-_TAIL:])
        raise Trouble(
            f"{tool.name} {tool.version} did not build in {tool.module}; if this machine reaches no Go module proxy, "
            f"set GOPROXY, then run the command again: it goes on where it was\n{why}",
        )
    return done.stdout
