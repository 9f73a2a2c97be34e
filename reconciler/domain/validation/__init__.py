"""Validates an Environment's files without a catalog: documents, names, references, placeholders and plaintext secrets.

| module | what it does |
|---|---|
| `ambiguous_scalars` | warns of values that YAML 1.1 reads as others |
| `document_parser` | parses a file into a document of a model, and reports every problem with its place and a hint |
| `environment` | validates the files of an Environment as a whole: names, duplicates, regions, bindings |
| `lost_values` | finds values that would not arrive at a chart as they are |
| `placeholders` | finds `${NAME}` placeholders that nothing would replace |
| `plaintext_secrets` | finds text in an Application's `config` that looks like a secret |

Rules kept:
- All problems are reported at once, each with file, line and a hint where there is one, up to a limit.
- No message quotes a value that may be a secret.
- The cost of a check is bounded by the size of the input.

May not: use a catalog, a lock or a policy: the same files must give the same problems on a laptop and in the controller.
"""
