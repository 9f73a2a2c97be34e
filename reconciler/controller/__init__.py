"""Reconciles all Environments until it is stopped, several at a time, never one twice at once.

| module | what it does |
|---|---|
| `controller` | runs passes from the work queue, and schedules the next ones |
| `work_queue` | a keyed queue with due times |
| `discovery` | finds Environments: in the configuration, and by topic on Gitea |
| `webhook_handler` | verifies deliveries (HMAC), and wakes Environments |
| `wakeup_limiter` | limits the fetches that a burst of deliveries causes |
| `webhook_registration` | ensures the webhook on each Environment's repository |
| `health` | liveness, readiness and the results of passes |
| `ports` | the measurements that the controller records |

Rules kept:
- A delivery is only a wake-up: its content is never believed.
- A failure with one Environment does not delay the others; it is retried with exponential backoff.

May not: decide about an Environment (`services` do), or construct a client (`bootstrap` does).
"""
