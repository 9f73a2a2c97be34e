"""Loads the Sovereign's policies, from a directory or from its system repository.

| module | what it does |
|---|---|
| `policy_sources` | the sources: a directory, or a folder at the head of the system repository's `main` |
| `policy_folder` | sorts the files of a folder of policies, and names those that are not known |
| `trust_policy_loader` | loads TrustPolicies and their trusted roots |
| `environment_policy_loader` | loads EnvironmentPolicies |
| `policy_commit_status` | posts whether the EnvironmentPolicies are valid |

Rules kept:
- A broken policy stops new decisions rather than widening them; so does one that was in force and is missing.
- While the repository cannot be read, the last policies count for a limited time only.
- Reading posts nothing: the controller calls `policy_commit_status` after a pass.

May not: use part of a set of policies that has an error, since a missing policy must never admit anything; or evaluate one.
"""
