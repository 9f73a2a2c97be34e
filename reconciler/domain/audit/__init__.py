"""Re-checks a commit of `resolved` from nothing but the commit and the trust policies.

| module | what it does |
|---|---|
| `lock_audit` | compares a lock with itself and with the policies, and lists the signatures to verify |
| `tree_audit` | compares each file of the commit with the file that its lock renders |

May not: verify a signature (`commands.audit` does, through cosign), or use anything that the reconciler remembers: who audits
does not trust the reconciler.
"""
