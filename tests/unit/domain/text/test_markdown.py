"""Escaping of text for Markdown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.text.markdown import escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, a-b.c", "plain text, a-b.c"),
        ("a|b", "a\\|b"),
        ("a\nb\tc", "a b c"),
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("&lt;", "&#38;lt;"),
        ("@admin", "@<!-- -->admin"),
        ("[a](http://b)", "&#91;a&#93;&#40;http:<!-- -->//b&#41;"),
        ("www.evil.example", "www<!-- -->.evil.example"),
        ("`code` *b* _i_ ~s~ #1 !2 {x}", "\\`code\\` \\*b\\* \\_i\\_ \\~s\\~ \\#<!-- -->1 \\!<!-- -->2 \\{x\\}"),
        ("${A}$", "&#36;\\{A\\}&#36;"),
        ("\\(x\\)", "\\\\&#40;x\\\\&#41;"),
        ("\x1b[31m\u202e\u200b", " &#91;31m  "),
    ],
)
def test_text_from_elsewhere_is_shown_as_it_is(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text("<>&@[]()!`|*_#$\\/:.w\n\x00\u202eab", max_size=30))
def test_no_text_becomes_markup_a_mention_a_link_or_a_new_cell(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert not re.search(r"[<>\[\]()$]|(?<!\\)(\\\\)*[`|*_]", shown.replace("<!-- -->", ""))
    assert not re.search(r"://|www\.|@[a-z]", shown)
