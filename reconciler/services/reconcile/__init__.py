"""Reconciles the head of `main` of one Environment.

| module | what it does |
|---|---|
| `decisions` | the decision on the head of `main`, cached until an input of it changes |
| `outcome` | the result of a reconciliation |
| `reconciler` | observe, decide, admit, apply, publish |
| `status_publisher` | commits the status of an Environment, and confirms it |

May not: review pull requests (`services.review` does), or construct a client.
"""
