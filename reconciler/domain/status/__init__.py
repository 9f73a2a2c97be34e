"""The status of an Environment: its content, its page, and when it is published.

| module | what it does |
|---|---|
| `conditions` | the conditions of a commit of `main` before `Ready` |
| `confirmation` | until when a status is current |
| `environment_status` | from assessments to the status of an Environment |
| `status_page` | the status as a page |
| `throttle` | detects status changes that need no commit |

May not: grant readiness (`domain.readiness` does), or commit anything.
"""
