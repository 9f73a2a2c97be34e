"""Reconciles `main` of one Environment: observe, decide, admit, apply, publish.

| module | what it does |
|---|---|
| `reconciler` | makes one pass, in this order |
| `decisions` | decides what the head of `main` resolves to; caches the decision until an input changes |
| `removal_completion` | pushes the second commit of a removal, once nothing of it is left on the clusters |
| `status_publisher` | publishes the `status` branch and the commit statuses, and confirms a status that does not change |
| `outcome` | the outcome of a pass |

Rules kept:
- A pass can be killed at any point: all state is in git and on the clusters.
- A commit is made only when its tree differs from the branch's.
- Only a status that was observed is published.

May not: review pull requests (`services.review` does), or construct a client.
"""
