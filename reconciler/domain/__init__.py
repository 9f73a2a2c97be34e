"""Decisions as pure functions: validate, resolve, lock, render, admit, assess, report.

| module | what it does |
|---|---|
| `admission/` | whether EnvironmentPolicies admit a change now |
| `audit/` | re-checks a commit of `resolved` from its lock and the trust policies |
| `blocker` | why a commit of `main` does not become `resolved` |
| `blueprints/` | whether a Blueprint and its chart can be used |
| `catalog` | the interface to verified Blueprints |
| `desired_state` | from a commit of `main` to the tree of `resolved` |
| `flux_import/` | from Flux manifests to an Environment's documents |
| `locking/` | builds and compares locks |
| `onboarding/` | first files and branch protection of an Environment's repository |
| `promotion/` | which versions of one Environment can be pinned in another |
| `readiness/` | whether a HelmRelease, an Application and an Environment are ready |
| `rendering/` | from a lock to the manifests that Flux applies |
| `resolution/` | chooses one version of every Blueprint needed |
| `review/` | comments, reports and commit statuses of pull requests |
| `status/` | the status of an Environment and when it is published |
| `text/` | Markdown escaping and spelling suggestions |
| `trust/` | trust policies, lock trust and vulnerability scans |
| `validation/` | parses and validates the documents of an Environment |
| `values/` | an Application's values: schemas, defaults, expressions |
| `versions` | versions and npm-style ranges |

Rules kept:
- The current time is an argument (`now`).
- The only interface to outside systems is the Catalog (`domain.catalog`), which returns Blueprints whose signature was verified.

May not: do input or output, read a clock, use randomness, or import `adapters`, `services` or anything above: a decision is
reproducible from its arguments alone.
"""
