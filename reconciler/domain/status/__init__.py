"""Builds the status of an Environment from its lock, the verdicts and the blocker, and decides when a status is worth a commit.

| module | what it does |
|---|---|
| `conditions` | builds the conditions of a commit of `main` before `Ready`: Valid, Admitted, Resolved, Trusted, Committed |
| `confirmation` | decides until when a status is known to be current: the rule of soak time and unwatched time |
| `environment_status` | builds the status: the Applications, `Ready`, and the commit subject |
| `status_page` | renders the status as the Markdown page of the `status` branch |
| `throttle` | detects routine re-checks by Flux, and limits the rate of status commits |
| `undetermined` | builds the status of last resort, in which all is Unknown |

Rules kept:
- An Environment is Ready only when it has an Application and every one is ready on all its placements.
- A condition after the blocking stage is Unknown, never carried over from an earlier commit; a loss of trust is always reported.
- Text from a cluster or a repository is bounded, and escaped where it becomes Markdown.

May not: assess a release itself (`domain.readiness` does), or read a clock: times are arguments.
"""
