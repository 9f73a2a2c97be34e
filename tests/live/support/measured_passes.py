"""Environments in repositories on disk, under one configuration, and passes over them that are measured from outside."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from reconciler.formats.yaml.documents import dump, load
from reconciler.model.policy_removal import MARKER_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 60.0  # seconds that a pass may take whatever is done to it
MOST = 400 << 20  # bytes of memory that it may use, cosign and all
_BEYOND = 1 << 30  # bytes: before it harms the machine, it ends
_LOOK = 0.01  # seconds between two looks at its memory
_EMPTY = ("tmp", "home", "cwd")  # its folders that are empty whenever it does not run


@dataclass(frozen=True)
class MeasuredPass:
    """How a command ended.

    Attributes:
        code: its exit code.
        results: what its JSON says of each Environment; empty when it did not get so far.
        text: all that it wrote, for people and for programs.
        seconds: how long it took.
        peak: bytes of memory that it and its children used at most.
        left: processes that outlived it.
    """

    code: int
    results: dict[str, dict[str, Any]]
    text: str
    seconds: float
    peak: int
    left: tuple[str, ...]


@dataclass
class MeasuredEnvironments:
    """Environments of one Sovereign, each `<name>-prod`.

    Attributes:
        folder: where all of it lies.
        prefix: the catalog.
        key: the public key that the one trust policy accepts.
        cosign: the program.
        names: of the Environments.
    """

    folder: Path
    prefix: str
    key: str
    cosign: Path
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in (*_EMPTY, "trust", "repositories"):
            (self.folder / name).mkdir()
        authority = {"name": "release-key", "key": self.key}
        policy = _document("TrustPolicy", "o", {"artifacts": [f"{self.prefix}/*"], "authorities": [authority]})
        (self.folder / "trust" / "o.yaml").write_bytes(policy)
        (self.folder / "trust" / MARKER_FILE).touch()
        settings = {
            "sovereign": "sandbox",
            "state": "state",
            "environments": [{"name": f"{name}-prod", "url": f"file://{self.bare(name)}"} for name in self.names],
            "catalogs": [{"prefix": self.prefix, "plainHttp": True}],
            "trust": {"directory": "trust"},
            "cosign": {"program": str(self.cosign)},
        }
        self.config.write_bytes(dump(settings))
        for name in self.names:
            self._git("init", "-q", "--bare", "--template=", "-b", "main", str(self.bare(name)), cwd=self.folder)

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "reconciler.yaml"

    @property
    def cache(self) -> Path:
        """Where artifacts are kept."""
        return self.folder / "state" / "cache"

    def bare(self, name: str) -> Path:
        """An Environment's repository."""
        return self.folder / "repositories" / f"{name}.git"

    def want(self, name: str, **applications: str) -> str:
        """Push Applications, each `<blueprint>` or `<blueprint> <range>`; return the commit."""
        files = {}
        if (parent := self.head(name, "main")) is None:
            placement = {"cluster": f"hz-fsn-rtz-prod-{name}", "region": "fsn"}
            spec = {"organization": name, "envType": "prod", "placements": [placement]}
            files["environment.yaml"] = _document("Environment", f"{name}-prod", spec)
        for application, wanted in applications.items():
            blueprint, _, version = wanted.partition(" ")
            wish = {"blueprint": {"name": blueprint, "version": version or "*"}}
            files[f"applications/{application}.yaml"] = _document("Application", application, wish)
        lines = [b"commit refs/heads/main", b"committer A <a@example.org> now", b"data 6\nchange"]
        lines += [b"from %s" % parent.encode()] if parent else []
        for path, text in files.items():
            lines += [b"M 100644 inline %s" % path.encode(), b"data %d\n%s" % (len(text), text)]
        self._git("fast-import", "--quiet", "--date-format=now", cwd=self.bare(name), text=b"\n".join([*lines, b""]))
        return self.head(name, "main") or ""

    def once(self, *names: str, anew: bool = True, **environment: str) -> MeasuredPass:
        """One pass over some Environments, within bounds, which leaves behind what it may and nothing else.

        Args:
            names: of the Environments.
            anew: whether nothing of what was fetched before is at hand.
            environment: variables that change the configuration.
        """
        if anew:
            shutil.rmtree(self.cache, ignore_errors=True)
        for empty in _EMPTY:  # one that was killed could not clean up
            shutil.rmtree(self.folder / empty)
            (self.folder / empty).mkdir()
        keys = [f"{name}-prod" for name in names]
        told = self.measured("once", *keys, "-c", str(self.config), "--format", "json", **environment)
        assert told.seconds < LONGEST, f"{told.seconds:.0f} s: {told.text}"
        assert told.peak < MOST, f"{told.peak >> 20} MiB: {told.text}"
        assert told.left == ()
        self.look_around()
        return told

    def head(self, name: str, branch: str) -> str | None:
        """A branch's commit."""
        return self._git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}", cwd=self.bare(name)) or None

    def lock(self, name: str) -> dict[str, dict[str, Any]]:
        """What is locked, by Application."""
        text = self._git("show", "resolved:environment.lock.yaml", cwd=self.bare(name)).encode()
        return {package["application"]: package for package in load(text, "lock").data["packages"]}

    def wanted(self, name: str) -> set[str]:
        """The Applications on `main`."""
        files = self._git("ls-tree", "--name-only", "main", "applications/", cwd=self.bare(name)).split()
        return {Path(file).stem for file in files}

    def look_around(self) -> None:
        """Nothing is on disk but where it belongs, and the cache holds what its files are called."""
        ours = {"repositories", "reconciler.yaml", "trust", "state", *_EMPTY}
        assert _names(self.folder.iterdir()) <= ours
        for name in _EMPTY:
            assert not _names((self.folder / name).iterdir()), name
        if self.cache.parent.exists():
            assert _names(self.cache.parent.iterdir()) <= {"cache", "clones", "lock"}
        for file in self.cached():
            assert file.name == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        for name in self.names:
            assert _names((self.bare(name) / "refs" / "heads").iterdir()) <= {"main", "resolved", "status"}, name

    def cached(self) -> list[Path]:
        """The files of the cache."""
        return [file for file in self.cache.iterdir() if file.name != "used"] if self.cache.exists() else []

    def measured(self, *arguments: str, **environment: str) -> MeasuredPass:
        """Run our command to its end, under limits of memory and time."""
        own = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        files = [self.folder.with_name(f"{self.folder.name}.{suffix}") for suffix in ("out", "err")]
        began = time.monotonic()
        with files[0].open("wb") as out, files[1].open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "reconciler", *arguments],
                cwd=self.folder / "cwd",
                env={**os.environ, **own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (_BEYOND, _BEYOND))
            peak, children = _watched(process, began + LONGEST)
        seconds = time.monotonic() - began
        out_text, err_text = (file.read_text() for file in files)
        results = (
            {one["environment"].removesuffix("-prod"): one for one in json.loads(out_text)} if out_text.startswith("[") else {}
        )
        left = tuple(str(one) for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE)
        return MeasuredPass(process.returncode, results, out_text + err_text, seconds, peak, left)

    @staticmethod
    def _git(*arguments: str, cwd: Path, text: bytes = b"") -> str:
        done = subprocess.run(["git", *arguments], cwd=cwd, input=text, check=True, capture_output=True, timeout=30)
        return done.stdout.decode().strip()


def _document(kind: str, name: str, spec: dict[str, Any]) -> bytes:
    return dump({"apiVersion": "catalyst.openova.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def _names(paths: Iterable[Path]) -> set[str]:
    return {path.name for path in paths}


def _watched(process: subprocess.Popen[bytes], until: float) -> tuple[int, set[psutil.Process]]:
    """Wait for the end, or bring it about; return the most memory that was seen in use, and all children that were seen."""
    root, peak, children = psutil.Process(process.pid), 0, set[psutil.Process]()
    while process.poll() is None:
        if time.monotonic() > until:
            os.killpg(process.pid, signal.SIGKILL)
        found = {child for child in _children(root) if _program(child) != _program(root)}
        children |= found
        peak = max(peak, _most(root) + sum(map(_most, found)))
        time.sleep(_LOOK)
    return peak, children


def _children(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _program(process: psutil.Process) -> str:
    """What it runs: a child that is about to become another program shares its parent's memory until then."""
    try:
        return process.exe()
    except psutil.Error:
        return ""


def _most(process: psutil.Process) -> int:
    """Bytes of memory that a process used at most until now, as the kernel counted."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
