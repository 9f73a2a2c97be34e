"""Text for people: Markdown and suggestions.

| module | what it does |
|---|---|
| `markdown` | Markdown as Gitea reads it, with untrusted text escaped |
| `suggestions` | suggests the name that was probably meant |

May not: know any document of the reconciler.
"""
