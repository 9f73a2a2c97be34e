"""Plans what a commit of `main` would change, and holds what all decisions share.

| module | what it does |
|---|---|
| `planner` | plans a commit as a pass would decide it; finds the packages that plans reviewed |
| `namespace_claims` | claims on Namespaces: no two Environments install into the same one |
| `bounded_catalog` | the catalog for one decision: one listing for each name, limits of lookups and time |
| `pinned_catalog` | the catalog narrowed to the versions of a status, where the lock is lost |
| `context` | the dependencies and intervals that all passes share |

Rules kept:
- A plan and a pass decide by the same functions, with the same preferences: the planned versions are those that are applied.
- Claims follow from the `resolved` branches; a restart loses none.

May not: write to a repository, the forge or a cluster: `reconcile` and `review` do.
"""
