"""Reconciles one Environment: observes and writes through adapters, decides through `domain`.

| module | what it does |
|---|---|
| `admission/` | gathers the facts that EnvironmentPolicies need, and evaluates them |
| `containment` | turns an exception that no code expects into an error that can be told |
| `environment_pass` | one pass: first `main`, then pull requests |
| `forge/` | commit statuses and the comment on pull requests |
| `observation/` | observes and assesses the HelmReleases of a lock |
| `planning/` | the desired state of a commit, and Namespace claims |
| `policies/` | loads the Sovereign's policies |
| `reconcile/` | reconciles `main`: observe, decide, admit, apply, publish |
| `repository/` | reads and writes the branches of an Environment |
| `review/` | plans and reports on pull requests |
| `verification/` | fetches and verifies artifacts |

May not: reach an outside system except through a client that `bootstrap` built, or decide except through `domain`.
"""
