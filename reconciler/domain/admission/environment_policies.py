"""Reads the EnvironmentPolicy documents, and selects those that apply to an Environment.

A broken policy holds the Environments that it names, or all of them when its names cannot be read: it fails closed. So does one
that was in force and is missing.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.domain.admission.change_window import window_problem
from reconciler.domain.validation.document_parser import parse_document
from reconciler.model.canonical import digest_of
from reconciler.model.policy import EnvironmentPolicy, WindowRule
from reconciler.model.policy_removal import StatedRemovals, how_to_remove
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.policy import Rule
    from reconciler.model.source import Source


@dataclass(frozen=True)
class InvalidPolicy:
    """A policy that cannot be used.

    Attributes:
        problems: why, each with its location.
        environments: the names and patterns of its Environments; None when they cannot be read.
    """

    problems: tuple[Problem, ...]
    environments: tuple[str, ...] | None = None


@dataclass(frozen=True)
class AppliedRule:
    """A rule with the name of its policy."""

    policy: str
    rule: Rule


@dataclass(frozen=True)
class EnvironmentPolicies:
    """All EnvironmentPolicies.

    Attributes:
        policies: the valid ones.
        broken: the invalid ones.
        removals: the removals that their source states.
        lost: policies that this process has read, and that are missing now.
    """

    policies: tuple[EnvironmentPolicy, ...] = ()
    broken: tuple[InvalidPolicy, ...] = ()
    removals: StatedRemovals = field(default_factory=StatedRemovals)
    lost: tuple[EnvironmentPolicy, ...] = ()

    def after(self, last: EnvironmentPolicies) -> EnvironmentPolicies:
        """Returns these policies as they are read after `last`: with those that are missing since."""
        known = {policy.metadata.name: policy for policy in (*last.lost, *last.policies)}
        return replace(self, lost=tuple(known[name] for name in self.missing(known)))

    def missing(self, in_force: Iterable[str]) -> tuple[str, ...]:
        """Returns the names of policies that were in force, and are neither valid now nor removed, sorted."""
        removals = replace(self.removals, is_commit=self.removals.is_commit and not self.broken)
        return removals.missing(in_force, (policy.metadata.name for policy in self.policies))

    def in_force(self, environment: str) -> dict[str, str]:
        """Returns the digest of each policy that applies to an Environment, by name; also of one that is lost."""
        applying = (policy for policy in (*self.lost, *self.policies) if _names(policy.spec.applies_to.environments, environment))
        return {policy.metadata.name: digest_of(policy.model_dump(mode="json", by_alias=True)) for policy in applying}

    def rules_for(self, environment: str) -> tuple[AppliedRule, ...]:
        """Returns all rules of all policies that apply to an Environment; every one must hold."""
        applying = (policy for policy in self.policies if _names(policy.spec.applies_to.environments, environment))
        return tuple(AppliedRule(policy.metadata.name, rule) for policy in applying for rule in policy.spec.rules)

    def problems(self, environment: str, in_force: Iterable[str] = ()) -> tuple[Problem, ...]:
        """Returns the problems of the broken and missing policies that apply to an Environment, or may apply.

        Args:
            environment: the Environment's name.
            in_force: the names of the policies that were last known to apply to it.
        """
        broken = (
            problem
            for broken in self.broken
            if broken.environments is None or _names(broken.environments, environment)
            for problem in broken.problems
        )
        lost = (policy.metadata.name for policy in self.lost if _names(policy.spec.applies_to.environments, environment))
        return (*broken, *(_gone(name) for name in sorted({*lost, *self.missing(in_force)})))

    @cached_property
    def digest(self) -> str:
        """One digest over all policies, independent of their order."""
        valid = sorted(digest_of(policy.model_dump(mode="json", by_alias=True)) for policy in self.policies)
        broken = sorted(str(problem) for broken in self.broken for problem in broken.problems)
        return digest_of({"policies": valid, "broken": broken, "lost": sorted(policy.metadata.name for policy in self.lost)})


def environment_policies(sources: Iterable[Source]) -> EnvironmentPolicies:
    """Reads policies from parsed documents. Policies of the same name are all broken: neither can be preferred."""
    valid: list[tuple[Source, EnvironmentPolicy]] = []
    broken: list[InvalidPolicy] = []
    for source in sources:
        policy, problems = environment_policy(source)
        if policy is None:
            broken.append(InvalidPolicy(problems, _environments(source)))
        else:
            valid.append((source, policy))
    count = Counter(policy.metadata.name for _, policy in valid)
    for source, policy in valid:
        if count[policy.metadata.name] > 1:
            message = f"two policies are named {policy.metadata.name}"
            problem = source.problem("Duplicate", message, ("metadata", "name"), at_value=True, hint="give each its own name")
            broken.append(InvalidPolicy((problem,), _environments(source)))
    return EnvironmentPolicies(tuple(policy for _, policy in valid if count[policy.metadata.name] == 1), tuple(broken))


def environment_policy(source: Source) -> tuple[EnvironmentPolicy | None, tuple[Problem, ...]]:
    """Reads a policy from a parsed document; None with the problems when it is invalid."""
    policy, problems = parse_document(source, EnvironmentPolicy)
    if policy is not None and (window_problems := tuple(_windows(source, policy))):
        return None, window_problems
    return policy, problems


def _gone(name: str) -> Problem:
    """Returns the problem of a policy that is missing."""
    message = f"the EnvironmentPolicy {name} was in force, and is missing"
    return Problem(code="PolicyMissing", message=message, hint=how_to_remove(name))


def _windows(source: Source, policy: EnvironmentPolicy) -> Iterator[Problem]:
    """Yields a problem for each window that can never open."""
    for index, rule in enumerate(policy.spec.rules):
        if isinstance(rule, WindowRule) and (defect := window_problem(rule.cron, rule.time_zone)) is not None:
            field, reason = defect
            path = ("spec", "rules", index, field)
            yield source.problem("InvalidValue", f"{'.'.join(map(str, path))}: {reason}", path, at_value=True)


def _environments(source: Source) -> tuple[str, ...] | None:
    """Returns the names and patterns of Environments in a document, valid or not; None when they cannot be read."""
    value = source.data
    for step in ("spec", "appliesTo", "environments"):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, list) and value and all(isinstance(name, str) and name for name in value):
        return tuple(value)
    return None


def _names(patterns: Sequence[str], environment: str) -> bool:
    """Whether a pattern matches an Environment's name, in any case: a forge does not distinguish repositories by case."""
    return any(fnmatch.fnmatchcase(environment.casefold(), pattern.casefold()) for pattern in patterns)
