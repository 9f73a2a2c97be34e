"""Chooses one version of every Blueprint that an Environment needs.

| module | what it does |
|---|---|
| `candidates` | the versions that can be chosen, in order, and why the others are excluded |
| `conflict_report` | explains why no consistent choice exists |
| `fixes` | finds the smallest change that would resolve a conflict |
| `greedy` | tries each Application's first candidate |
| `optimizer` | improves a consistent choice: fewer moves, newer versions |
| `outcomes` | what a search returns: a solution, or why there is none |
| `preferences` | versions that were reviewed in a plan and are preferred |
| `propagation` | finds conflicts of every possible choice without a search |
| `provider` | the interface to resolvelib |
| `requirements` | requirements of documents and Blueprints, and choices |
| `resolver` | from validated documents to a resolution |
| `search` | the greedy pass, then backtracking by resolvelib |

May not: read a catalog except through `domain.catalog`, or search without a step limit.
"""
