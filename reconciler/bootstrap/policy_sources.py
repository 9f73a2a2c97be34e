"""Chooses where the policies come from: the system repository, a directory, or nowhere, as configured."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from reconciler.bootstrap.clients import repository
from reconciler.controller.discovery import system_repository
from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.services.policies.environment_policy_loader import (
    ENVIRONMENTS,
    environment_policies_at,
    read_environment_policies,
)
from reconciler.services.policies.policy_sources import DirectoryPolicySource, GitPolicySource
from reconciler.services.policies.trust_policy_loader import FOLDER, read_policies, trust_policies_at

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from reconciler.config.settings import Settings
    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.model.errors import ConfigurationError
    from reconciler.model.git import Snapshot

T = TypeVar("T")


def policy_source(settings: Settings, closing: contextlib.ExitStack) -> Callable[[], TrustPolicies]:
    """The source of the trust policies; a clone of the system repository is removed when `closing` is closed."""
    system = system_repository(settings)
    if system is None:
        return DirectoryPolicySource(settings.trust.directory or Path(), read_policies)
    return _in_repository(settings, system, FOLDER, trust_policies_at, closing)


def environment_policy_source(settings: Settings, closing: contextlib.ExitStack) -> Callable[[], EnvironmentPolicies]:
    """The source of the EnvironmentPolicies, beside the trust policies; an empty set where no location is configured."""
    system = system_repository(settings)
    if system is not None:
        return _in_repository(settings, system, ENVIRONMENTS, environment_policies_at, closing)
    if settings.policies.directory is None:
        return EnvironmentPolicies
    return DirectoryPolicySource(settings.policies.directory, read_environment_policies)


def _in_repository(
    settings: Settings,
    system: EnvironmentTarget,
    folder: str,
    read: Callable[[Snapshot, T | None], T | ConfigurationError],
    closing: contextlib.ExitStack,
) -> GitPolicySource[T]:
    # not below `state`, which a command that only reads shares with the service
    place = closing.enter_context(TemporaryDirectory(prefix="reconciler-", ignore_cleanup_errors=True))
    every, stands = settings.intervals.poll, settings.trust.reverify_interval
    return GitPolicySource(repository(settings, system, Path(place)), folder, read, every=every, max_staleness=stands)
