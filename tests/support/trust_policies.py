"""TrustPolicy documents as text."""

from __future__ import annotations

KEY = "-----BEGIN PUBLIC KEY-----\n      AAAA\n      -----END PUBLIC KEY-----"


def trust_policy(name: str, *, authority: str = "release", key: str = KEY, artifacts: str = "registry.example/*") -> str:
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: TrustPolicy\n"
        f"metadata: {{name: {name}}}\n"
        f'spec:\n  artifacts: ["{artifacts}"]\n'
        f"  authorities:\n  - name: {authority}\n    key: |\n      {key}\n"
    )
