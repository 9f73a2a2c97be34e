"""The configuration of the reconciler: one file, through pydantic-settings.

| module | what it does |
|---|---|
| `secrets` | secrets from the environment, the configuration, or the files it names |
| `sections` | the sections of the configuration, each validated alone |
| `settings` | the configuration file as a whole |

May not: construct anything, or import `services`: it is values only.
"""
