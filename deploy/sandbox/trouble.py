"""The one exception of the sandbox: a sentence for the person at the terminal."""

from __future__ import annotations


class Trouble(Exception):  # noqa: N818  # it is raised for what a person can act on, and reads as such: `raise Trouble("git is missing")`
    """Something a person can act on; the message says what, where, why and what to do next.

    The command line prints the message alone and exits with 1.
    """
