"""The rules for each Environment, as configured: with the forge that its approvals are on, and whom it may follow."""

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
    """Builds the Gate of one Environment from the configuration.

    Args:
        settings: the configuration.
        gitea: the forge, if there is one.
        policies: reads all EnvironmentPolicies as they stand; raises a ReconcilerError.
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
        """Say which Environments there are."""
        self._known = targets

    def build(self, target: EnvironmentTarget, clone: Repository | None, histories: Path) -> AdmissionGate:
        """The rules for one.

        Args:
            target: the Environment.
            clone: of its repository, with history; None for one that is on no forge.
            histories: a folder for clones of the Environments that it follows.
        """
        approvals = None
        if self._gitea is not None and self._settings.gitea is not None and target.repository is not None and clone is not None:
            approvals = ApprovalReader(self._gitea, self._settings.gitea.username, target.repository, clone)
        return AdmissionGate(
            target.identity.name, self._policies, approvals, partial(self._soak_source, asker=target, folder=histories)
        )

    def _soak_source(self, name: str, *, asker: EnvironmentTarget, folder: Path) -> SoakHistory | str:
        """The history of an Environment that another one is to follow, or why there is none to be asked.

        Anybody can make a repository and call it like an Environment: only one that the configuration names, or one of the same
        owner, is believed.
        """
        owner = asker.display_name.partition("/")[0]
        known = self._known.values()
        found = [one for one in known if one.identity.name == name and one.identity.organization in {None, owner}]
        if len(found) != 1:
            many = "more than one Environment is" if found else "no Environment is"
            return f"{many} called {name}, of {owner} or in the configuration: make it, or mend the policy"
        (source,) = found
        made = SoakHistory(self._clone(source, folder), self._settings.intervals.confirm)
        return self._histories.setdefault((source.display_name, folder), made)
