"""Trust policies with a trusted root, and what a policy may not contain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reconciler.model.errors import ConfigurationError
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.services.policies.policy_sources import DirectoryPolicySource
from reconciler.services.policies.trust_policy_loader import read_policies
from tests.support.trust_policies import KEY

if TYPE_CHECKING:
    from pathlib import Path


# Trusted roots


KEYLESS = (
    "apiVersion: catalyst.openova.io/v1alpha1\nkind: TrustPolicy\nmetadata: {name: ci}\nspec:\n"
    "  artifacts: ['*']\n  authorities:\n  - name: ci\n"
    "    keyless: {issuer: 'https://token.example', subject: 'https://ci.example/*', trustedRoot: root.json}\n"
)


def test_an_empty_directory_trusts_nobody(tmp_path: Path) -> None:
    assert read_policies(tmp_path).matching("registry.example/openova/bp-shop") == ()


def test_a_trusted_root_lies_beside_the_policies(tmp_path: Path) -> None:
    (tmp_path / "ci.yaml").write_text(KEYLESS)
    with pytest.raises(ConfigurationError, match=r"ci\.yaml:\d+:\d+: there is no root\.json beside the policies"):
        read_policies(tmp_path)
    (tmp_path / "root.json").write_text(" \n")
    with pytest.raises(ConfigurationError, match=r"there is no root\.json beside the policies"):
        read_policies(tmp_path)
    (tmp_path / "root.json").write_text("{}")
    (tmp_path / "other.json").write_text("[")
    policies = read_policies(tmp_path)
    assert policies.roots == {"root.json": "{}"}
    (tmp_path / MARKER_FILE).touch()
    files = DirectoryPolicySource(tmp_path, read_policies)
    before = files().digest
    (tmp_path / "root.json").write_text('{"a": 1}')
    assert files().digest != before, "another root is another policy"


@pytest.mark.parametrize("content", [b"\xff", b"x" * ((1 << 20) + 1)])
def test_a_trusted_root_that_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ci.yaml").write_text(KEYLESS)
    (tmp_path / "root.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"root\.json"):
        read_policies(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'https://ci.example/*'", "'*'", "a subject of * alone matches every identity"),
        ("root.json", "../root.json", "trustedRoot"),
        ("    keyless:", f"    key: |\n      {KEY}\n    keyless:", "either a key or keyless"),
        ("artifacts:", "attestations: [{predicateType: x}]\n  artifacts:", "predicateType"),
        (
            "artifacts:",
            "attestations: [{predicateType: 'https://spdx.dev/Document', maxSeverity: low}]\n  artifacts:",
            "maxSeverity",
        ),
    ],
)
def test_what_a_policy_may_not_say(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "root.json").write_text("{}")
    (tmp_path / "ci.yaml").write_text(KEYLESS.replace(old, new))
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_policies(tmp_path)
