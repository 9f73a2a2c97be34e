"""Looking whether what is locked is still trusted; what a catalog knows already costs nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.decide.audit import place_of
from reconciler.decide.standing import Standing
from reconciler.model.faults import Fault, kind_of

if TYPE_CHECKING:
    from reconciler.decide.catalog import Catalog, PassedOver, Verified
    from reconciler.model.lock import EnvironmentLock
    from reconciler.model.status import Condition


class Watch:
    """The standing of one Environment's lock, from look to look.

    Args:
        catalog: who is asked.
        stands: seconds for which the last word counts while there is no answer.
    """

    def __init__(self, catalog: Catalog, stands: float) -> None:
        self._catalog = catalog
        self._stands = stands
        self._doubted: float | None = None
        self.standing = Standing()

    def look(self, lock: EnvironmentLock, said: Condition | None) -> None:
        """Ask of every locked artifact. Never raises a Fault: what could not be told is said of no artifact.

        Args:
            lock: what is locked.
            said: what was last said of this very lock; None when nothing was.
        """
        found = self._asked(lock)
        if found.fault is None:
            self._doubted = None
        else:
            now = time.monotonic()
            self._doubted = self._doubted or now
            found = replace(found, said=said if now - self._doubted <= self._stands else None)
        self.standing = found

    def blind(self, fault: Fault) -> None:
        """Nothing can be asked at all: the policies cannot be read."""
        self.standing = Standing(fault=fault)

    def _asked(self, lock: EnvironmentLock) -> Standing:
        names: dict[str, tuple[str, ...]] = {}
        answers: dict[str, Verified | PassedOver] = {}
        fault, before = None, self.standing.fault
        for package in lock.packages:
            place = place_of(package)
            if place is None:
                continue
            names[package.artifact] = (*names.get(package.artifact, ()), package.application)
            if package.artifact not in answers and fault is None:
                home = place[0].rpartition("/")[0]
                try:
                    answers[package.artifact] = self._catalog.get(home, package.blueprint, package.version, package.digest)
                except Fault as error:
                    fault = error
        if fault is not None and before is not None and kind_of(fault) == kind_of(before):
            fault = before  # each attempt may fail in other words, and none is a change to commit
        return Standing(answers, names, fault)
