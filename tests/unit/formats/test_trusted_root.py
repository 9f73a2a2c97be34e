"""What a trusted root demands of signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.formats.trusted_root import WitnessRequirements, requirements_for
from reconciler.model.errors import ConfigurationError
from reconciler.model.trust import Signer
from tests.support.signers import ROOT, SUBJECT


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


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (root()[:-1] + ', "tlogs": [], "tlogs": [{}]}', "has a duplicate key"),
        ("[]", "is not an object of the media type"),
        ('{"certificateAuthorities": [{}]}', "is not an object of the media type"),
        (json.dumps({"mediaType": ROOT}), "names no certificate authority"),
        (root(certificateAuthorities=[]), "names no certificate authority"),
        (root(certificateAuthorities="x"), "has certificateAuthorities, which is not a list"),
        (root(tlogs={}), "has tlogs, which is not a list"),
        (root(timestamp_authorities=[{}]), "has timestamp_authorities, which is not one of its parts"),
    ],
)
def test_what_is_no_trusted_root_is_not_called_a_bad_signature(content: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the trusted root of the authority ci .*{why}"):
        requirements_for(keyless(content))
