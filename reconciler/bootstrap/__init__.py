"""Constructs clients and services from the configuration; the only place that does.

| module | what it does |
|---|---|
| `clients` | clients of the outside systems |
| `gate_factory` | the admission gate of each Environment |
| `runtime` | everything that reconciliations need |
| `state_lock` | locks the state directory for one process |
| `webhook_server` | the HTTP server of `run`, with the webhook handler |

May not: decide anything: it builds and connects.
"""
