"""The catalog as one decision may use it: each Blueprint is listed once, and neither lookups nor time are without end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from reconciler.model.errors import TooLargeError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.catalog import Catalog, ExcludedVersion, VerifiedBlueprint

MAX_SECONDS: Final = 120.0
"""Seconds of one decision. What was verified until then is cached, so that the next decision on the same commit gets further."""

MAX_NAMES: Final = 5_000
"""Names of Blueprints that one decision may look up: more than an Environment has Applications and dependencies."""


class BoundedCatalog:
    """Implements `domain.catalog.Catalog` for one decision, in one thread.

    Every method raises TooLargeError above a limit, and UnavailableError once the time is over.

    Args:
        catalog: the catalog of all decisions.
        seconds: how long the decision may take.
    """

    def __init__(self, catalog: Catalog, seconds: float = MAX_SECONDS) -> None:
        self._catalog, self._seconds = catalog, seconds
        self._end = time.monotonic() + seconds
        self._listings: dict[str, Mapping[str, Sequence[str]]] = {}

    def find(self, name: str) -> Mapping[str, Sequence[str]]:
        """The versions of a Blueprint in each catalog that has it; the same answer during the whole decision."""
        if name not in self._listings:
            self._check_time()
            if len(self._listings) >= MAX_NAMES:
                raise TooLargeError(
                    f"the documents lead to more than {MAX_NAMES} Blueprints",
                    "split the Environment, or require fewer Blueprints",
                )
            self._listings[name] = self._catalog.find(name)
        return self._listings[name]

    def get(self, catalog: str, name: str, version: str, digest: str | None) -> VerifiedBlueprint | ExcludedVersion:
        """One version of a Blueprint."""
        self._check_time()
        return self._catalog.get(catalog, name, version, digest)

    def _check_time(self) -> None:
        if time.monotonic() > self._end:
            raise UnavailableError(
                f"the Blueprints could not be verified within {self._seconds:.0f} s",
                "it goes on with the next attempt: what was verified is kept",
            )
