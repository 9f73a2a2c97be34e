"""The list fields of HTTP, as their grammars have them and as registries write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.registry.header_fields import challenges, next_link

BEARER = 'Bearer realm="https://r.example/token",service="s",scope="repository:a/b:pull,push"'
ASKED = ("bearer", {"realm": "https://r.example/token", "service": "s", "scope": "repository:a/b:pull,push"})


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        (BEARER, [ASKED]),
        ('Basic realm="x", ' + BEARER, [("basic", {"realm": "x"}), ASKED]),
        (BEARER + ', Basic realm="x"', [ASKED, ("basic", {"realm": "x"})]),
        ("Negotiate, " + BEARER, [("negotiate", {}), ASKED]),
        ("Negotiate abcd==, " + BEARER, [("negotiate", {}), ASKED]),
        ("NTLM TlRMTVNTUAAC, Negotiate," + BEARER, [("ntlm", {}), ("negotiate", {}), ASKED]),
        ('bearer REALM = "/t" , Service=s', [("bearer", {"realm": "/t", "service": "s"})]),
        ('Basic realm="a, Bearer realm=\\"evil\\"", ' + BEARER, [("basic", {"realm": 'a, Bearer realm="evil"'}), ASKED]),
        (', ,Basic realm="x",,' + BEARER, [("basic", {"realm": "x"}), ASKED]),
        ("Basic", [("basic", {})]),
        ('Bearer realm="/t",error="invalid_token"', [("bearer", {"realm": "/t", "error": "invalid_token"})]),
        ('Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',  # RFC 9110, 11.6.1
         [("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), ("basic", {"realm": "simple"})]),
        ('Bearer realm="no end', [("bearer", {})]),
    ],
)  # fmt: skip
def test_challenges_are_read_by_the_grammar(field: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(challenge.scheme, challenge.parameters) for challenge in challenges(field)] == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", None),
        ('</v2/a/tags/list?last=b>; rel="next"', "/v2/a/tags/list?last=b"),
        ("</n>;rel=next", "/n"),
        ('</n>; REL="Next"', "/n"),
        ('</n> ; title="a; rel=prev, <x>" ; rel = "next"', "/n"),
        ('</n>; rel="next"; type="application/json"', "/n"),
        ('</p>; rel="prev", </n>; rel="next"', "/n"),
        ('</n>; rel="prefetch next"', "/n"),
        ("</a,b;c>; rel=next", "/a,b;c"),
        ('</p>; rel="prev"', None),
        ('</p>; rel="prev"; rel="next"', None),
        ('</p>; title="next"', None),
        ('</p>; rel="nextish"', None),
        ("</p>; rel", None),
        ("/n; rel=next", None),
    ],
)
def test_the_next_page_is_found_whatever_stands_beside_it(field: str, expected: str | None) -> None:
    assert next_link(field) == expected


@given(st.text(alphabet='ab =,;"\\<>/-\t', max_size=60))
def test_nothing_that_a_registry_sends_raises(field: str) -> None:
    next_link(field)
    assert all(challenge.scheme for challenge in challenges(field))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Basic", "Bearer", "Digest", "X-Own"]),
            st.dictionaries(st.sampled_from(["realm", "scope", "x"]), st.text(alphabet='ab,= "\\', max_size=8), min_size=1),
        ),
        max_size=4,
    )
)
def test_challenges_come_back_as_they_were_written(written: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    field = ", ".join(
        f"{scheme} " + ",".join(f"{k}={quoted(v)}" for k, v in parameters.items()) for scheme, parameters in written
    )
    assert [(c.scheme, c.parameters) for c in challenges(field)] == [(scheme.lower(), p) for scheme, p in written]
