"""Parses and validates the documents of an Environment.

| module | what it does |
|---|---|
| `document_parser` | from a parsed file to a document, with every problem at once |
| `environment` | validates all documents of an Environment together, without a catalog |
| `placeholders` | reports `${NAME}` placeholders that nothing replaces |
| `plaintext_secrets` | reports secrets in `config` |

May not: read a catalog or a file: it decides from parsed text alone.
"""
