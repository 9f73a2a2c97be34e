"""What cosign is told of an authority. That cosign does as it is told is in tests/live/test_cosign_formats.py."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.faults import ConfigurationError
from reconciler.model.trust import Signer
from reconciler.world.demands import WitnessRequirements, identity_regexp, requirements_for, signer_flags
from tests.signers import ROOT, SUBJECT, WORKFLOW, CertificateAuthority, Holder, Log

if TYPE_CHECKING:
    from pathlib import Path

CA = CertificateAuthority()
KEY = Holder().signer()


def root(**parts: Any) -> str:
    return json.dumps({"mediaType": ROOT, "certificateAuthorities": [{}], **parts})


def keyless(content: str) -> Signer:
    return Signer("ci", issuer="https://token.example", subject=SUBJECT, root=content)


@pytest.mark.parametrize(
    ("parts", "demands", "flags"),
    [
        ({}, WitnessRequirements(certificate=True), ["--insecure-ignore-sct", "--insecure-ignore-tlog"]),
        (
            {"tlogs": [], "ctlogs": [], "timestampAuthorities": []},
            WitnessRequirements(True),
            ["--insecure-ignore-sct", "--insecure-ignore-tlog"],
        ),
        ({"ctlogs": [{}]}, WitnessRequirements(True, certificate_log=True), ["--insecure-ignore-tlog"]),
        ({"tlogs": [{}]}, WitnessRequirements(True, log=True), ["--insecure-ignore-sct"]),
        (
            {"timestampAuthorities": [{}]},
            WitnessRequirements(True, time=True),
            ["--insecure-ignore-sct", "--insecure-ignore-tlog", "--use-signed-timestamps"],
        ),
        (
            {"tlogs": [{}], "timestampAuthorities": [{}], "ctlogs": [{}]},
            WitnessRequirements(True, certificate_log=True, log=True),
            [],
        ),
    ],
)
def test_what_the_trusted_root_names_is_demanded(parts: dict[str, Any], demands: WitnessRequirements, flags: list[str]) -> None:
    assert requirements_for(keyless(root(**parts))) == demands
    assert list(demands.flags()) == flags


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


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (root()[:-1] + ', "tlogs": [], "tlogs": [{}]}', "has a key twice"),
        ("[]", "is no object of the media type"),
        ('{"certificateAuthorities": [{}]}', "is no object of the media type"),
        (json.dumps({"mediaType": ROOT}), "names no certificate authority"),
        (root(certificateAuthorities=[]), "names no certificate authority"),
        (root(certificateAuthorities="x"), "has certificateAuthorities, which is no list"),
        (root(tlogs={}), "has tlogs, which is no list"),
        (root(timestamp_authorities=[{}]), "has timestamp_authorities, which is none of its parts"),
    ],
)
def test_what_is_no_trusted_root_is_not_called_a_bad_signature(content: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the trusted root of the authority ci .*{why}"):
        requirements_for(keyless(content))


@pytest.mark.parametrize("name", ["issuer", "subject"])
@pytest.mark.parametrize("bad", ["a\0b", "a\nb", "a\ud800b"])
def test_an_identity_that_no_argument_can_hold_is_refused(tmp_path: Path, name: str, bad: str) -> None:
    signer = replace(CA.signer(), **{name: bad})
    with pytest.raises(ConfigurationError, match="the authority ci has a character"):
        signer_flags(tmp_path, signer)
