"""Secrets that somebody wrote into `config`, where git keeps them for ever.

A rule of thumb in two halves. Some texts are secrets wherever they stand: private keys, tokens of well-known services, URLs with
a password. Others are secrets because of their key: `password`, `apiKey`, `clientSecret`. What only names a secret is welcome:
`existingSecret`, `passwordKey`, `secretRef`, paths, and texts that something else replaces. No message repeats what was found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.problem import Problem
    from reconciler.model.source import KeyPath, Source

_CONFIG: Final[KeyPath] = ("spec", "config")
_HINT: Final = (
    "keep it in a Secret (an ExternalSecret can bring it) and let config name that; what was pushed stays in git: replace it "
    "where it counts"
)
_UNSURE: Final = "what looks like a secret"

# Secrets wherever they stand. Every repetition is bounded, so that no text makes the search slow.
_TOKEN_PATTERNS: Final = {
    "a private key": re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|AGE-SECRET-KEY-1[A-Z0-9]{20}"),
    "a token of a well-known service": re.compile(
        r"""(?<![A-Za-z0-9])(?:
        gh[opsur]_[A-Za-z0-9]{30} | github_pat_[A-Za-z0-9]{20} | gl(?:pat|rt|dt|ptt)-[\w-]{18}  # GitHub, GitLab
        | A(?:KI|SI)A[A-Z0-9]{16}(?![A-Za-z0-9]) | AIza[\w-]{35} | ya29\.[\w-]{20} | dop_v1_[0-9a-f]{40}  # clouds
        | xox[abeoprs]-[\w-]{10} | SG\.[\w-]{16,32}\.[\w-]{30} | [sr]k_live_[A-Za-z0-9]{16}  # Slack, SendGrid, Stripe
        | sk-(?:[A-Za-z0-9]{20} | (?:ant|proj|or)-[\w-]{16}) | hf_[A-Za-z]{30}  # models
        | npm_[A-Za-z0-9]{30} | pypi-[\w-]{30} | dckr_pat_[\w-]{20} | hv[bs]\.[\w-]{20}  # registries, Vault
        | eyJ[\w-]{10,300}\.eyJ[\w-]{10}  # a JSON web token
        )""",
        re.VERBOSE,
    ),
    "a webhook's address, which is its secret": re.compile(
        r"hooks\.slack\.com/services/T[A-Z0-9]{5,20}/B|discord\.com/api/webhooks/[0-9]{10}"
    ),
}
# The password in a text of which it is a part: a URL, a connection string.
_PARTS: Final = (
    re.compile(r"://[^\s:/@]{0,200}:([^\s/@]{1,500})@"),
    re.compile(r"(?:^|[;,?&\s])(?:password|passwd|pwd)[ \t]{0,4}=[ \t]{0,4}([^\s;,&]{1,500})", re.IGNORECASE),
)

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of a key: camelCase, snake_case, kebab-case
# Keys that end so hold a secret, whatever it looks like: with one of these words, or with two.
_SECRET: Final = {"password", "passwords", "passwd", "pwd", "passphrase", "passcode", "apikey", "apikeys"}
_BEFORE: Final = {
    "key": {"api", "account"}, "keys": {"api"}, "pass": {"user", "db", "admin", "root", "smtp"},
    "secret": {
        "api", "app", "client", "consumer", "cookie", "hmac", "jwt", "oauth", "session", "shared", "signing", "webhook",
    },
}  # fmt: skip
# Keys that end so may as well hold the name of a Secret, or of a key in one.
_DOUBTFUL: Final = {"token", "credential", "credentials", "pass", "secretkey", "accesskey", "privatekey"}
_DOUBTFUL_BEFORE_KEY: Final = {"secret", "access", "private", "signing", "encryption", "master", "auth", "license"}
_MARKERS: Final = {"eos", "bos", "pad", "unk", "mask", "sep", "cls", "stop", "start", "end", "eot", "special"}  # of a model's

# Texts that choose a behaviour, point at a secret, are replaced by one later, or are encrypted.
_CHOICES: Final = {
    "none", "null", "true", "false", "yes", "no", "on", "off", "enabled", "disabled", "auto", "automatic", "generate",
    "generated", "random", "required", "optional", "managed", "internal", "external", "existing", "include", "omit",
}  # fmt: skip
_POINTER: Final = re.compile(
    r"/(?:var|run|etc|mnt|opt|vault|secrets?|tmp|home|usr|srv)/|(?:vault|op|secretref|file|env|arn|projects|awssm|gcpsm)[:/]"
    r"|ref\+[a-z]|ENC\[|[$%]\(|\$\{|\$[A-Z_]{2,}\Z|\{\{|<[^<>]{1,80}>\Z|\*+\Z"
)
_KEY_NAME: Final = re.compile(r"[A-Za-z]{1,40}(?:[._-][A-Za-z]{1,40})*")  # `tls.key`, `adminPassword`, `ADMIN_PASSWORD`
_NAME: Final = re.compile(r"[a-z]+(?:[.-][a-z0-9]+)+|[a-z]+(?:[._-][a-z]+)+")  # words, joined: `acme-db-credentials`
_LONG_WORD: Final = 4  # letters and digits mixed in more than that are no word: `s3`, `eu1` are


def find_plaintext_secrets(source: Source) -> Iterator[Problem]:
    """Every text in an Application's `config` that looks like a secret, at its place."""
    spec = source.data.get("spec") if isinstance(source.data, dict) else None
    config = spec.get("config") if isinstance(spec, dict) else None
    for way, what in _found(config, (), ""):
        name = ".".join(map(str, ("config", *way)))
        yield source.problem("PlaintextSecret", f"{name} holds {what} in plain text", (*_CONFIG, *way), hint=_HINT)


def _found(data: Any, way: KeyPath, key: str) -> Iterator[tuple[KeyPath, str]]:
    """Where secrets stand, and what they are; `key` is the one that says what the data is, a list's for its entries."""
    if isinstance(data, dict):
        named = data.get("name", data.get("key"))
        for inner, value in data.items():
            if (what := _loud(inner)) is not None:
                yield way, f"a key that is {what}"  # which is not told either
            elif inner == "value":  # of {name: DB_PASSWORD, value: ...}, or of what the key around it says
                yield from _found(value, (*way, inner), named if isinstance(named, str) else key)
            else:
                yield from _found(value, (*way, inner), inner)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _found(value, (*way, index), key)
    elif (what := _what(data, [word.lower() for word in _WORD.findall(key)])) is not None:
        yield way, what


def _what(value: Any, words: list[str]) -> str | None:
    """What a single value is, should it be a secret under a key of these words."""
    before, last = ["", "", *words][-2:]
    sure = last in _SECRET or before in _BEFORE.get(last, ())
    if isinstance(value, int) and not isinstance(value, bool):
        return _UNSURE if sure and value > 0 else None
    if not isinstance(value, str):
        return None
    if (what := _loud(value)) is not None:
        return what
    text = value.strip()
    if not text or _is_harmless(text):
        return None
    doubtful = words == ["secret"] or (last in _DOUBTFUL and before not in _MARKERS)
    doubtful = doubtful or (last == "key" and before in _DOUBTFUL_BEFORE_KEY)
    return _UNSURE if sure or (doubtful and not _is_name(text, last)) else None


def _loud(text: str) -> str | None:
    """What a text is, should it be a secret wherever it stands."""
    for what, pattern in _TOKEN_PATTERNS.items():
        if pattern.search(text):
            return what
    parts = (part for pattern in _PARTS for part in pattern.findall(text))
    return "a password" if any(not _is_harmless(part) for part in parts) else None


def _is_harmless(text: str) -> bool:
    return text.lower() in _CHOICES or _POINTER.match(text) is not None


def _is_name(text: str, last: str) -> bool:
    """Whether a text is more likely a name than a secret, under a key whose last word is `last`."""
    if last == "key" and _KEY_NAME.fullmatch(text):
        return True
    parts = re.split(r"[._-]", text)
    mixed = any(not part.isalpha() and not part.isdigit() and len(part) > _LONG_WORD for part in parts)
    return _NAME.fullmatch(text) is not None and not mixed
