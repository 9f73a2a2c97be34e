"""The actions behind the commands, without a terminal.

| module | what it does |
|---|---|
| `audit` | audits a commit of `resolved` |
| `explain` | the chain of evidence behind one Application's readiness |
| `import_flux` | reads Flux manifests from disk and writes an Environment's documents |
| `json_schemas` | JSON Schemas of all documents |
| `prepare_environment` | prepares an Environment's repository on the forge |
| `promote` | opens a pull request that pins the versions of another Environment |
| `publish` | publishes a catalog folder as a signed OCI artifact |
| `update` | moves locked versions within their ranges |
| `validate` | validates files and folders on disk |

May not: print, exit, or construct a client: `cli` shows the result, `bootstrap` constructs.
"""
