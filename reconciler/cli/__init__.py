"""The command line: parses arguments, prints results, returns exit codes.

| module | what it does |
|---|---|
| `app` | the commands by name, each imported when it is run |
| `audit` | `reconciler audit` |
| `blockers` | shows a blocker as a line, as JSON, and as an exit code |
| `console` | tables and colours on a terminal, plain lines in a pipe, JSON on request |
| `environment_reader` | one Environment to be read: its branches, and no client but git's and the forge's |
| `environment_session` | opens one Environment for a command, in a clone of its own |
| `excerpt` | the line of a file that a problem is about, safe for a terminal |
| `explain` | `reconciler explain` |
| `graph` | `reconciler tree` and `reconciler why` |
| `import_` | `reconciler import` |
| `init` | `reconciler init` |
| `logs` | structured logs on standard error |
| `main` | runs the command line; errors become a line and an exit code |
| `once` | `reconciler once` |
| `options` | options and arguments that several commands share |
| `plan` | `reconciler plan` |
| `problem_codes` | a description of each problem code, for SARIF |
| `problem_report` | problems on a terminal, with the line of the file that each is about |
| `problems` | formats of problems; in a pipe a line each |
| `promote` | `reconciler promote` |
| `publish` | `reconciler publish` |
| `run` | `reconciler run` |
| `sarif` | problems as SARIF 2.1.0 |
| `schemas` | `reconciler schemas` |
| `status` | `reconciler status` |
| `update` | `reconciler update` and `reconciler outdated` |
| `validate` | `reconciler validate` |
| `version` | `reconciler --version` |

Rules kept:
- A command imports no library that it does not use; `tests/unit/cli/test_startup.py` has the table.

May not: have a rule of its own, or import an adapter: `bootstrap` constructs, `commands` act.
"""
