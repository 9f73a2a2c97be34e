"""Constructs clients and services from the configuration; the only place that does.

| module | what it does |
|---|---|
| `clients` | clients of the outside systems |
| `gate_factory` | the admission gate of each Environment |
| `policy_sources` | where the policies come from: the system repository, a directory, or nowhere |
| `runtime` | everything that reconciliations need |
| `state_lock` | locks the state directory for one process |
| `versions` | the versions of libgit2 and cosign |
| `webhook_server` | the HTTP server of `run`, with the webhook handler |

May not: decide anything: it builds and connects.
"""
