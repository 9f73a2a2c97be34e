"""Decisions as pure functions: validate, resolve, render, assess, report.

May not: do input or output, read a clock, be random, or import `world`, `loop` or `cli`. The one seam to
the outside is the Catalog (`domain.catalog`), which hands out Blueprints whose signature already held.
"""
