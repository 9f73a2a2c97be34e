"""Signatures and attestations through cosign, run as a program.

| module | what it does |
|---|---|
| `arguments` | derives what a signature must come with, and cosign's options, from a trust policy's authority |
| `runner` | runs cosign: verifies, attests and signs |

May not: read a trust policy's rules on its own, or import another adapter.
"""
