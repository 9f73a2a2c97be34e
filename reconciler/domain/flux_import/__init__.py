"""Translates Flux manifests into an Environment's documents.

| module | what it does |
|---|---|
| `charts` | the Blueprint, version range and catalog of a HelmRelease's chart |
| `importer` | the documents of an Environment, and everything that could not be imported |
| `kit_files` | parts the files of a kit into those that can hold Flux objects and the others |
| `manifests` | reads HelmReleases, their chart sources and dependencies from a folder of manifests |
| `scalars` | reads the numbers of values as Flux does |
| `substitutions` | `${NAME}` placeholders, and values that would change their meaning |
| `unsupported` | fields of a HelmRelease without an equivalent in an Application |

May not: read or write files, or drop anything unreported: `commands.import_flux` does the input and output.
"""
