"""Decides on trust from verified evidence: which policies apply to an artifact, what a scan found, what the lock still trusts.

| module | what it does |
|---|---|
| `lock_trust` | reports which locked packages are no longer trusted, and when that needs a new decision |
| `trust_policies` | finds the trust policies of an artifact, and the signers and digests of a policy |
| `vulnerability_scans` | reads vulnerability attestations, and compares the worst finding with the limit of a policy |

Rules kept:
- An artifact without a policy is refused, never skipped.
- What cannot be read or verified is never taken for trusted: an unreadable scan is an error, an unrated finding is critical.
- A loss of trust refuses new commits and is reported by name; what runs is left running.

May not: verify signatures or fetch from a registry (`adapters.cosign`, `adapters.registry` and `services.verification` do): the
evidence is an argument.
"""
