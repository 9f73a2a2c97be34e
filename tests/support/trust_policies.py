"""TrustPolicy documents as text."""

from __future__ import annotations

from tests.support.public_keys import public_key


def indented(key: str) -> str:
    """A key as it stands in a policy's text."""
    return key.strip().replace("\n", "\n      ")


KEY = indented(public_key("release"))


def trust_policy(name: str, *, authority: str = "release", key: str = KEY, artifacts: str = "registry.example/*") -> str:
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: TrustPolicy\n"
        f"metadata: {{name: {name}}}\n"
        f'spec:\n  artifacts: ["{artifacts}"]\n'
        f"  authorities:\n  - name: {authority}\n    key: |\n      {key}\n"
    )
