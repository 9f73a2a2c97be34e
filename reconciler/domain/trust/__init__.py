"""Decides which trust policies apply, and whether a lock is still trusted.

| module | what it does |
|---|---|
| `lock_trust` | whether locked packages are still trusted |
| `trust_policies` | the trust policies that apply to an artifact |
| `vulnerability_scans` | vulnerability scans in cosign's predicate: their time and worst severity |

May not: verify a signature: `services.verification` does, through cosign.
"""
