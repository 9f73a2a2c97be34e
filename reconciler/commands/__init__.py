"""The actions behind the commands, without a terminal.

| module | what it does |
|---|---|
| `validate` | validates files and folders on disk |
| `folder_tree` | shows a folder on disk as the tree that git would make of it |
| `explain` | explains one Application's verdict |
| `update` | moves locked versions within their ranges, and lists newer ones |
| `promote` | opens a pull request that pins the versions of another Environment |
| `audit` | audits a commit of `resolved` |
| `publish` | publishes a catalog folder as a signed OCI artifact |
| `prepare_environment` | prepares an Environment's repository on the forge |
| `import_flux` | reads Flux manifests from disk, and writes an Environment's documents |
| `json_schemas` | generates the JSON Schemas of all documents |

Rules kept:
- Existing content of people is not overwritten: a step is skipped, or refused with the way out.
- An action that is repeated changes nothing.

May not: print, exit, or construct a client: `cli` shows the result, `bootstrap` constructs.
"""
