"""The GitOps reconciler of OpenOva Catalyst.

One pass over an Environment is observe -> decide -> act: `world` observes and acts, `decide` decides,
`loop` puts them in order, `cli` is what a person types, and `model` is the documents they all speak of.
"""

__version__ = "0.1.0"
