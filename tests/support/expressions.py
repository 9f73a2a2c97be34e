"""A scope to evaluate CEL expressions in, and strategies that write expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from reconciler.domain.values.expressions import ExpressionError, scope
from reconciler.model.environment import Environment
from tests.support.builders import FSN, NBG, environment

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG: dict[str, Any] = {
    "postgres": {"mode": "embedded", "size": 3},
    "tls": True,
    "share": 0.5,
    "nothing": None,
    "users": ["ann", "bob"],
    "odd-key": "s3cret",
    ".config": 1,
    "config": {"deep": 7},
    "big": 2**63,
}

SCOPE = scope(
    CONFIG,
    application="shop",
    blueprint="bp-web",
    version="1.2.3",
    environment=Environment.model_validate(environment(FSN, NBG, FSN)),
)

# The alphabet of the language, so that random texts come near to something that means something.
WORDS = (
    *("config", ".config", "environment", "application", "x", "users", "postgres", "mode", "tls", "map", "exists", "has", "size"),
    *(
        "string",
        "int",
        "double",
        "now",
        "in",
        "true",
        "null",
        "0",
        "1",
        "1.5",
        "9223372036854775807",
        "1u",
        "b'a'",
        "'a'",
        '"',
        "'",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "{{",
        "}}",
        ".",
        ",",
        ":",
        "?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "!",
        "&&",
        "||",
        "==",
        "<",
        " ",
        "//",
        "\n",
    ),
)

texts = st.text() | st.lists(st.sampled_from(WORDS), max_size=30).map("".join) | st.lists(st.sampled_from(WORDS)).map(" ".join)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)


def outcome(run: Callable[[], Any]) -> Any:
    """What comes of it: a value or an error of ours; any other exception passes through."""
    try:
        return run()
    except ExpressionError as error:
        return error
