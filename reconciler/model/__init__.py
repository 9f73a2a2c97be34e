"""The documents people and machines write, and the words all layers share.

May not: do input or output, read a clock, import any other package of the reconciler.
"""
