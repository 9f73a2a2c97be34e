"""The GitOps reconciler of OpenOva Catalyst: from the documents of an Environment to the tree that Flux applies.

| module | what it does |
|---|---|
| `__main__` | runs the command line as `python -m reconciler` |
| `cli/` | arguments, terminal output and exit codes |
| `bootstrap/` | builds clients and services from the configuration |
| `commands/` | what a command does, without a terminal |
| `controller/` | reconciles all Environments until it is stopped |
| `services/` | reconciles one Environment: reads and writes through adapters, decides through `domain` |
| `config/` | the configuration file and its secrets |
| `domain/` | decisions as pure functions |
| `adapters/` | clients of outside systems |
| `formats/` | codecs: bytes to values and back |
| `model/` | documents and values that all layers share |

May not: import a layer above its own
(`cli > bootstrap > commands | controller > services | config > domain | adapters > formats > model`).
"""

__version__ = "0.1.0"
