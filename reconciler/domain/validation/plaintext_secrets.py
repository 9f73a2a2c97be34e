"""Finds plaintext secrets in `config`, which git would store for ever.

Two heuristics. Some texts are secrets wherever they occur: private keys, tokens of well-known services, URLs with a password.
Others are secrets because of their key: `password`, `apiKey`, `clientSecret`. References to secrets are accepted:
`existingSecret`, `passwordKey`, `secretRef`, paths, and texts that another tool replaces. No message repeats the text.
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
    "store it in a Secret (an ExternalSecret can create it) and refer to that in config; a pushed value stays in git: replace it "
    "where it is used"
)
_UNSURE: Final = "a likely secret"

# Secrets wherever they occur. Every repetition is bounded, so that no text makes the search slow.
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
# The password within a longer text: a URL, a connection string.
_PARTS: Final = (
    re.compile(r"://[^\s:/@]{0,200}:([^\s/@]{1,500})@"),
    re.compile(r"(?:^|[;,?&\s])(?:password|passwd|pwd)[ \t]{0,4}=[ \t]{0,4}([^\s;,&]{1,500})", re.IGNORECASE),
)

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of a key: camelCase, snake_case, kebab-case
# Last words of keys whose value is a secret, whatever it looks like: one word, or two.
_SECRET: Final = {"password", "passwords", "passwd", "pwd", "passphrase", "passcode", "apikey", "apikeys"}
_BEFORE: Final = {
    "key": {"api", "account"}, "keys": {"api"}, "pass": {"user", "db", "admin", "root", "smtp"},
    "secret": {
        "api", "app", "client", "consumer", "cookie", "hmac", "jwt", "oauth", "session", "shared", "signing", "webhook",
    },
}  # fmt: skip
# Last words of keys whose value may also be the name of a Secret, or of a key in one.
_DOUBTFUL: Final = {"token", "credential", "credentials", "pass", "secretkey", "accesskey", "privatekey"}
_DOUBTFUL_BEFORE_KEY: Final = {"secret", "access", "private", "signing", "encryption", "master", "auth", "license"}
_MARKERS: Final = {
    "eos",
    "bos",
    "pad",
    "unk",
    "mask",
    "sep",
    "cls",
    "stop",
    "start",
    "end",
    "eot",
    "special",
}  # a language model's tokens

# Texts that select a behaviour, refer to a secret, are replaced by one later, or are encrypted.
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
_LONG_WORD: Final = 4  # a longer part with letters and digits mixed is not a word; `s3` and `eu1` are


def find_plaintext_secrets(source: Source) -> Iterator[Problem]:
    """Yields a problem for every text in an Application's `config` that looks like a secret."""
    spec = source.data.get("spec") if isinstance(source.data, dict) else None
    config = spec.get("config") if isinstance(spec, dict) else None
    for path, description in _secrets(config, (), ""):
        name = ".".join(map(str, ("config", *path)))
        yield source.problem("PlaintextSecret", f"{name} contains {description} in plain text", (*_CONFIG, *path), hint=_HINT)


def _secrets(data: Any, path: KeyPath, key: str) -> Iterator[tuple[KeyPath, str]]:
    """The paths of secrets, and descriptions of them; `key` is the key that names the data, a list's for its entries."""
    if isinstance(data, dict):
        name = data.get("name", data.get("key"))
        for inner, value in data.items():
            if (description := _describe_token(inner)) is not None:
                yield path, f"a key that is {description}"  # the key itself is not shown either
            elif inner == "value":  # named by `name` in {name: DB_PASSWORD, value: ...}, or else by the key around it
                yield from _secrets(value, (*path, inner), name if isinstance(name, str) else key)
            else:
                yield from _secrets(value, (*path, inner), inner)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _secrets(value, (*path, index), key)
    elif (description := _describe_value(data, [word.lower() for word in _WORD.findall(key)])) is not None:
        yield path, description


def _describe_value(value: Any, words: list[str]) -> str | None:
    """Describes a scalar that is a secret under a key of these words; None when it is not one."""
    before, last = ["", "", *words][-2:]
    certain = last in _SECRET or before in _BEFORE.get(last, ())
    if isinstance(value, int) and not isinstance(value, bool):
        return _UNSURE if certain and value > 0 else None
    if not isinstance(value, str):
        return None
    if (description := _describe_token(value)) is not None:
        return description
    text = value.strip()
    if not text or _is_harmless(text):
        return None
    doubtful = words == ["secret"] or (last in _DOUBTFUL and before not in _MARKERS)
    doubtful = doubtful or (last == "key" and before in _DOUBTFUL_BEFORE_KEY)
    return _UNSURE if certain or (doubtful and not _is_name(text, last)) else None


def _describe_token(text: str) -> str | None:
    """Describes a text that is a secret wherever it occurs; None when it is not one."""
    for description, pattern in _TOKEN_PATTERNS.items():
        if pattern.search(text):
            return description
    passwords = (password for pattern in _PARTS for password in pattern.findall(text))
    return "a password" if any(not _is_harmless(password) for password in passwords) else None


def _is_harmless(text: str) -> bool:
    return text.lower() in _CHOICES or _POINTER.match(text) is not None


def _is_name(text: str, last: str) -> bool:
    """Whether a text is more likely a name than a secret, under a key whose last word is `last`."""
    if last == "key" and _KEY_NAME.fullmatch(text):
        return True
    parts = re.split(r"[._-]", text)
    mixed = any(not part.isalpha() and not part.isdigit() and len(part) > _LONG_WORD for part in parts)
    return _NAME.fullmatch(text) is not None and not mixed
