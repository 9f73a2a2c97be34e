"""Canaries: words that stand for secrets, where a trace of them could be, and the search for it."""

from __future__ import annotations

import re
import secrets
import string
import subprocess
from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

PART = 8  # characters: no shorter part of a secret is a leak
HEX_PART = 12  # of a secret of hexadecimal digits, as there are many other digests around
_ALPHABET = string.ascii_lowercase + string.digits
_RUN = re.compile(rb"[A-Za-z0-9+/_=-]{8,}")
_AROUND = 80  # characters shown on both sides of a leak


class Canaries:
    """All canaries by name. Their words are letters and digits alone, so that quoting and escaping do not change them."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self._parts: dict[int, dict[bytes, str]] = {}

    def word(self, name: str) -> str:
        """A new one."""
        return self.known(name, "".join(secrets.choice(_ALPHABET) for _ in range(24)))

    def known(self, name: str, text: str, part: int = PART) -> str:
        """One that somebody else made."""
        assert self.words.setdefault(name, text) == text, name
        self._add(name, text.lower().encode(), part)
        encoded = -(-part * 4 // 3)
        for shift in range(3):  # whatever stands before it, as in `user:password`, it begins at one of three places
            whole = b64encode(bytes(shift) + text.encode())
            self._add(name, whole[-(-shift * 8 // 6) : len(whole) // 4 * 4 - 4], encoded)
        return text

    def hexadecimal(self, name: str, text: str) -> str:
        """One that somebody else made, of hexadecimal digits."""
        return self.known(name, text, HEX_PART)

    def found(self, data: bytes, allowed: Collection[str] = ()) -> dict[str, str]:
        """The canaries of which there is a trace in some bytes, each with what stands around its first one."""
        runs = {run for text in (data, data.lower()) for run in _RUN.findall(text)}
        leaks: dict[str, str] = {}
        for size, parts in self._parts.items():
            for run in runs:
                for part in {run[at : at + size] for at in range(len(run) - size + 1)} & parts.keys():
                    if (name := parts[part]) not in allowed:
                        leaks.setdefault(name, _around(data, part))
        return leaks

    def _add(self, name: str, text: bytes, part: int) -> None:
        parts = self._parts.setdefault(part, {})
        for at in range(len(text) - part + 1):
            parts[text[at : at + part]] = name


def _around(data: bytes, part: bytes) -> str:
    at = max(data.find(part), data.lower().find(part))
    return data[max(0, at - _AROUND) : at + _AROUND].decode("utf-8", "replace")


def in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The names and contents of all below a folder; of git repositories also their objects, unpacked."""
    for path in sorted(folder.rglob("*")):
        yield f"the name {path}", str(path.relative_to(folder)).encode()
        if path.is_symlink():
            yield f"where {path} leads", str(path.readlink()).encode()
        elif path.is_file():
            yield str(path), path.read_bytes()
        elif path.name == "objects" and (path.parent / "HEAD").is_file():
            yield f"objects of {path.parent}", objects(path.parent, "--batch-all-objects")


def objects(repository: Path, *options: str, names: bytes = b"") -> bytes:
    """The contents of objects, one after the other: of all, or of those that are named."""
    command = ["git", "-C", str(repository), "cat-file", "--batch", *options]
    return subprocess.run(command, input=names, capture_output=True, check=True, timeout=60).stdout


def history(repository: Path, *refs: str) -> bytes:
    """The contents of all objects that refs reach."""
    command = ["git", "-C", str(repository), "rev-list", "--objects", "--no-object-names", *refs]
    names = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return objects(repository, names=names)
