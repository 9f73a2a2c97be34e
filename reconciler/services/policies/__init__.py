"""Loads the policies of the Sovereign, and reports whether they can be used.

| module | what it does |
|---|---|
| `environment_policy_loader` | loads EnvironmentPolicies from a directory or a commit |
| `policy_commit_status` | publishes the usability of EnvironmentPolicies as a commit status |
| `policy_sources` | the directory or system repository of the policies |
| `trust_policy_loader` | loads TrustPolicies and trusted roots from a directory or a commit |

May not: use part of a set of policies that has an error: a missing policy must never admit anything.
"""
