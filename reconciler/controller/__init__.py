"""Reconciles all Environments, several at a time and never one twice at once, until it is stopped.

| module | what it does |
|---|---|
| `controller` | runs reconciliations from the work queue |
| `discovery` | finds Environments: from the configuration and by topic on Gitea |
| `health` | liveness, readiness and results of reconciliations |
| `ports` | the measurements that the controller records |
| `wakeup_limiter` | limits fetches after a burst of deliveries |
| `webhook_handler` | verifies deliveries (HMAC) and wakes Environments |
| `webhook_registration` | ensures the webhook on each Environment's repository |
| `work_queue` | a keyed queue with due times |

May not: decide about an Environment, or construct a client: `services` reconcile, `bootstrap` constructs.
"""
