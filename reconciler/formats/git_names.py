"""Which file names are safe, which of them collide, and how to show any of them on one line."""

from __future__ import annotations

import unicodedata

_LONGEST_NAME = 255  # bytes: what file systems take
_GIT_ALIASES = frozenset({".git", "git~1"})  # git~1 is the short name that Windows gives to .git


def printable(text: bytes | str, limit: int = 200) -> str:
    r"""Return `text` on one line with everything unprintable as `\x..` or `\u....`, at most `limit` characters."""
    raw = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    start = raw[: limit + 1]  # enough to see whether it is cut
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in start)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def name_problem(name: bytes) -> str:
    """Say what is wrong with one component of a path, or return an empty string.

    The rules are those of `git fsck` (`.git` in all spellings, dots, separators) and what would deceive a reader:
    control characters and those that change the direction of text.
    """
    text = name.decode("utf-8", "surrogateescape")
    kinds = {unicodedata.category(each) for each in text}
    rules = (
        ("is not UTF-8", "Cs" in kinds),
        (f"is longer than {_LONGEST_NAME} bytes", len(name) > _LONGEST_NAME),
        ("holds a control or invisible character", bool(kinds & {"Cc", "Cf", "Zl", "Zp"})),
        ("holds a path separator", "\\" in text or "/" in text),
        ("is nothing but dots or spaces", not text.strip(". ")),
        ("is a spelling of .git", collision_key(text).split(":")[0].rstrip(". ") in _GIT_ALIASES),
    )
    return next((fault for fault, broken in rules if broken), "")


def collision_key(name: str) -> str:
    """Return the same key for names that some file system takes for one: by case or by Unicode normalisation."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
