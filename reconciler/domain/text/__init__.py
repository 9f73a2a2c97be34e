"""Formats text for people: Markdown with foreign text in it, and suggestions for misspelt names.

| module | what it does |
|---|---|
| `listing` | shortens lists in messages, with the number of entries that are left out |
| `markdown` | escapes foreign text for Markdown, and builds tables |
| `suggestions` | suggests the known name nearest to an unknown one |

Rules kept:
- Escaped text is shown as it is: never a link, a mention, an image, markup or a new cell.
- The cost of a suggestion is bounded, whatever the length of the word and the number of known names.

May not: import other packages of `domain`, which all may use this one.
"""
