"""EnvironmentPolicy documents as text: one rule of each kind, and the policies that they make."""

from __future__ import annotations

from reconciler.domain.admission.environment_policies import EnvironmentPolicies, environment_policies
from reconciler.formats.yaml.documents import load_all
from reconciler.model.policy_removal import COMMITTED

REQUIRED = "{kind: pr-required, approvers: [platform, security], minApprovals: 1}"

WINDOW = '{kind: change-window, cron: "0 14 * * 2,4", duration: 2h}'

SOAK = "{kind: soak, sourceEnvironment: acme-stg, duration: 72h}"

SCORE = "{kind: re-score-gate, minScore: 80}"


NO_POLICIES = EnvironmentPolicies(removals=COMMITTED)
"""What a system repository without any policy holds: whatever was in force is removed."""


def environment_policy(*rules: str, environments: str = "acme-prod") -> str:
    listed = "".join(f"    - {rule}\n" for rule in rules)
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: EnvironmentPolicy\nmetadata: {name: p}\n"
        f"spec:\n  appliesTo: {{environments: [{environments}]}}\n  rules:\n{listed}"
    )


def read_policies(*texts: str) -> EnvironmentPolicies:
    return environment_policies(s for n, text in enumerate(texts) for s in load_all(text.encode(), f"policies/{n}.yaml"))
