"""Writes plain data as YAML text, for documents that the reconciler writes itself.

It supports only mappings, lists, strings, numbers, booleans and null. libyaml's writer (`yaml.CSafeDumper`) takes 2.7 times as
long, implements YAML 1.1 only, so that the words and numbers of 1.2 would still be listed here, fails on a lone surrogate, and
quotes differently: every lock would change once. Every string is written so that YAML 1.1 (Flux) and 1.2 parsers read the same
string: plain only where no version can interpret it differently, else in double quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

# A plain scalar that YAML 1.1 and 1.2 both read as the same string: it begins with a letter and contains nothing that ends or
# splits a scalar; words that some version reads as a boolean or null are quoted.
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*(?: [A-Za-z0-9_./@+()-]+)*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
# Characters that JSON allows in a string and YAML does not: control characters beyond ASCII, line separators, the byte order
# mark, and code points that are not characters.
_ESCAPED: Final = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_MAX_SIMPLE_KEY: Final = 120  # YAML requires the `? key` form above 1,024 characters; it is easier to read long before


def write(document: Mapping[str, Any]) -> str:
    """Writes a document in block style: keys in the given order, two spaces, no aliases; equal data gives equal text."""
    if not document:
        return "{}\n"
    out: list[str] = []
    _mapping(document, "", out)
    return "".join(out)


def _mapping(data: Mapping[str, Any], pad: str, out: list[str]) -> None:
    for key, value in data.items():
        key_text = _string(key)
        head = f"{pad}{key_text}:" if len(key_text) <= _MAX_SIMPLE_KEY else f"{pad}? {key_text}\n{pad}:"
        if isinstance(value, Mapping) and value:
            out.append(f"{head}\n")
            _mapping(value, pad + "  ", out)
        elif isinstance(value, list | tuple) and value:
            out.append(f"{head}\n")
            _list(value, pad, out)
        else:
            out.append(f"{head} {_scalar(value, pad)}\n")


def _list(data: list[Any] | tuple[Any, ...], pad: str, out: list[str]) -> None:
    for value in data:
        if isinstance(value, Mapping | list | tuple) and value:
            start = len(out)
            nested = pad + "  "
            if isinstance(value, Mapping):
                _mapping(value, nested, out)
            else:
                _list(value, nested, out)
            out[start] = f"{pad}- {out[start][len(nested) :]}"
        else:
            out.append(f"{pad}- {_scalar(value, pad)}\n")


def _scalar(value: Any, pad: str) -> str:
    if isinstance(value, str):
        return _block(value, pad) if "\n" in value and _is_block(value) else _string(value)
    if isinstance(value, float):
        text = json.dumps(value, allow_nan=False)
        return text if "." in text else text.replace("e", ".0e")  # `1e-05` is a string to YAML 1.1
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, list | tuple) else json.dumps(value)


def _string(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _ESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(value, ensure_ascii=False))


def _is_block(value: str) -> bool:
    """Whether a literal block represents exactly this text: printable lines, none with blanks at its ends, one final newline."""
    lines = value.split("\n")
    return lines[-1] == "" and all(line and line.isprintable() and line == line.strip() for line in lines[:-1])


def _block(value: str, pad: str) -> str:
    return "|" + "".join(f"\n{pad}  {line}" for line in value.split("\n")[:-1])
