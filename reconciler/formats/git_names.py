"""Checks which file names are safe and which of them collide, and makes any of them printable on one line."""

from __future__ import annotations

import unicodedata

_MAX_NAME = 255  # bytes: the limit of common file systems
_GIT_ALIASES = frozenset({".git", "git~1"})  # git~1 is the short name of .git on Windows


def printable(text: bytes | str, limit: int = 200) -> str:
    r"""Returns `text` on one line with every unprintable character as `\x..` or `\u....`, at most `limit` characters."""
    raw = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    start = raw[: limit + 1]  # one more than the limit, to detect whether it is cut
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in start)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def name_problem(name: bytes) -> str:
    """Returns the defect of one component of a path as a predicate of the name, or an empty string.

    The rules are those of `git fsck` (`.git` in all spellings, dots, separators), and no characters that deceive a reader:
    control characters and those that change the direction of text.
    """
    text = name.decode("utf-8", "surrogateescape")
    categories = {unicodedata.category(char) for char in text}
    rules = (
        ("is not UTF-8", "Cs" in categories),
        (f"is longer than {_MAX_NAME} bytes", len(name) > _MAX_NAME),
        ("contains a control or invisible character", bool(categories & {"Cc", "Cf", "Zl", "Zp"})),
        ("contains a path separator", "\\" in text or "/" in text),
        ("consists of dots or spaces only", not text.strip(". ")),
        ("is a spelling of .git", collision_key(text).split(":")[0].rstrip(". ") in _GIT_ALIASES),
    )
    return next((defect for defect, applies in rules if applies), "")


def collision_key(name: str) -> str:
    """Returns the same key for names that some file system treats as one, by case or by Unicode normalisation."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
