"""The configuration of the reconciler: one file, through pydantic-settings.

| module | what it does |
|---|---|
| `settings` | reads the configuration file as a whole, and resolves its paths |
| `sections` | the sections of the configuration, each validated alone |
| `secrets` | reads secrets from the environment, the configuration, or the files it names |

Rules kept:
- Unknown fields are refused, and every problem is reported at once with its place.
- No message shows a secret.

May not: construct anything, or import `services`: it is values only.
"""
