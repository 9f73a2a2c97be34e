"""Decides whether the EnvironmentPolicies admit a change of an Environment now.

| module | what it does |
|---|---|
| `approvals` | which approvals of a pull request count, and whether each change has enough of them |
| `change_window` | when a change window is open, and when the next one opens |
| `environment_policies` | the EnvironmentPolicies, and which of them apply to an Environment |
| `plan_binding` | the plan fingerprint to which an approval is bound, read back from a commit status |
| `rules` | evaluates each rule of each policy, and combines the results |
| `soak` | how long packages were observed Ready in another Environment |

May not: request anything from a forge or a repository: `services.admission` gathers the facts.
"""
