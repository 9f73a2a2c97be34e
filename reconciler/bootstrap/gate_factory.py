"""Builds the admission gate of each Environment: with the forge that has its approvals, and the Environments it may follow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reconciler.services.admission.approvals import ApprovalReader
from reconciler.services.admission.gate import AdmissionGate
from reconciler.services.admission.soak_history import SoakHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.adapters.git.repository import Repository
    from reconciler.adapters.gitea import Gitea
    from reconciler.config.settings import Settings
    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.domain.admission.environment_policies import EnvironmentPolicies


class AdmissionGateFactory:
    """Builds the AdmissionGate of one Environment from the configuration.

    Args:
        settings: the configuration.
        gitea: the forge; None where none is configured.
        policies: reads all current EnvironmentPolicies; raises a ReconcilerError.
        clone: makes a clone with history of a repository, in a folder.
    """

    def __init__(
        self,
        settings: Settings,
        gitea: Gitea | None,
        policies: Callable[[], EnvironmentPolicies],
        clone: Callable[[EnvironmentTarget, Path], Repository],
    ) -> None:
        self._settings, self._gitea, self._policies, self._clone = settings, gitea, policies, clone
        self._known: Mapping[str, EnvironmentTarget] = {}
        self._histories: dict[tuple[str, Path], SoakHistory] = {}

    def set_known_environments(self, targets: Mapping[str, EnvironmentTarget]) -> None:
        """Sets the Environments whose history a gate may read."""
        self._known = targets

    def build(self, target: EnvironmentTarget, clone: Repository | None, histories: Path) -> AdmissionGate:
        """Builds the gate of one Environment.

        Args:
            target: the Environment.
            clone: of its repository, with history; None for an Environment that is not on the forge.
            histories: a folder for the clones of the Environments it follows.
        """
        approvals = None
        if self._gitea is not None and self._settings.gitea is not None and target.repository is not None and clone is not None:
            approvals = ApprovalReader(self._gitea, self._settings.gitea.username, target.repository, clone)
        return AdmissionGate(
            target.identity.name, self._policies, approvals, partial(self._soak_source, follower=target, folder=histories)
        )

    def _soak_source(self, name: str, *, follower: EnvironmentTarget, folder: Path) -> SoakHistory | str:
        """The history of an Environment that another one follows, or a message why it cannot be read.

        Anybody can create a repository with the name of an Environment: only one that the configuration names, or one of the same
        owner, is trusted.
        """
        owner = follower.display_name.partition("/")[0]
        known = self._known.values()
        candidates = [
            target for target in known if target.identity.name == name and target.identity.organization in {None, owner}
        ]
        if len(candidates) != 1:
            many = "more than one Environment is" if candidates else "no Environment is"
            return f"{many} called {name}, of {owner} or in the configuration: make it, or mend the policy"
        (source,) = candidates
        history = SoakHistory(name, self._clone(source, folder), self._settings.intervals.confirm)
        return self._histories.setdefault((source.display_name, folder), history)
