"""What cosign is told of an authority. That cosign does as it is told is in tests/live/test_cosign_formats.py."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.cosign.arguments import identity_regexp, signer_flags
from reconciler.model.errors import ConfigurationError
from tests.support.signers import ROOT, SUBJECT, WORKFLOW, CertificateAuthority, Holder, Log

if TYPE_CHECKING:
    from pathlib import Path

CA = CertificateAuthority()

KEY = Holder().signer()


def test_an_identity_is_told_with_its_issuer_and_its_root(tmp_path: Path) -> None:
    signer = CA.signer(logs=[Log()], certificate_logs=[Log()])
    told = dict(flag.split("=", 1) for flag in signer_flags(tmp_path, signer))
    assert told == {
        "--trusted-root": str(tmp_path / "root.json"),
        "--certificate-oidc-issuer": "https://token.example",
        "--certificate-identity-regexp": f"^{re.escape(SUBJECT)}$",
    }
    assert (tmp_path / "root.json").read_text() == signer.root


def test_a_key_is_told_with_a_root_of_nobody_so_that_no_old_bundle_is_read(tmp_path: Path) -> None:
    key, trusted, *flags = signer_flags(tmp_path, KEY)
    assert (key, trusted) == (f"--key={tmp_path / 'key.pub'}", f"--trusted-root={tmp_path / 'root.json'}")
    assert flags == ["--insecure-ignore-tlog"]
    assert (tmp_path / "key.pub").read_text() == KEY.key
    assert json.loads((tmp_path / "root.json").read_text()) == {"mediaType": ROOT}


@pytest.mark.parametrize(
    ("subject", "one", "matches"),
    [
        (SUBJECT, SUBJECT, True),
        (SUBJECT, SUBJECT + "0", False),
        (SUBJECT, "https://evil.example/?" + SUBJECT, False),
        (SUBJECT, SUBJECT.replace(".github", "xgithub"), False),
        (WORKFLOW.format("*", "*"), SUBJECT, True),
        (WORKFLOW.format("*", "*"), WORKFLOW.format("", "v1"), True),
        (WORKFLOW.format("*", "*"), WORKFLOW.format("app", "a/v1"), False),
        (WORKFLOW.format("*", "*"), WORKFLOW.format("app/x", "v1"), False),
        (
            WORKFLOW.format("*", "*"),
            "https://ci.example/openova/app/.github/workflows/evil.yaml@x/.github/workflows/release.yaml@refs/tags/v1",
            False,
        ),
        ("*@openova.example", "ci@openova.example", True),
        ("*@openova.example", "ci@evil.example/@openova.example", False),
        ("*@openova.example", "ci@evil.example@openova.example", False),
        ("a(b|c)[d]+{2}.$^\\?-#& ~", "a(b|c)[d]+{2}.$^\\?-#& ~", True),
        ("a(b|c)", "ab", False),
        ("a.b", "axb", False),
    ],
)
def test_a_star_reaches_past_no_border(subject: str, one: str, matches: bool) -> None:
    assert bool(re.search(identity_regexp(subject), one)) is matches


@pytest.mark.parametrize("name", ["issuer", "subject"])
@pytest.mark.parametrize("bad", ["a\0b", "a\nb", "a\ud800b"])
def test_an_identity_that_no_argument_can_hold_is_refused(tmp_path: Path, name: str, bad: str) -> None:
    signer = replace(CA.signer(), **{name: bad})
    with pytest.raises(ConfigurationError, match="the authority ci contains an unprintable character"):
        signer_flags(tmp_path, signer)
