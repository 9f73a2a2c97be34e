"""The EnvironmentPolicy documents as they stand, and which of them speak for an Environment.

What is broken holds the Environments that it names, or all of them when it cannot be told which: closed, not open.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.domain.admission.change_window import window_problem
from reconciler.domain.validation.document_parser import parse_document
from reconciler.model.canonical import digest_of
from reconciler.model.policy import EnvironmentPolicy, WindowRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.policy import Rule
    from reconciler.model.problem import Problem
    from reconciler.model.source import Source


@dataclass(frozen=True)
class InvalidPolicy:
    """A policy that cannot be used.

    Attributes:
        problems: why, each with its place.
        environments: the names and patterns that it names; None when that cannot be told.
    """

    problems: tuple[Problem, ...]
    environments: tuple[str, ...] | None = None


@dataclass(frozen=True)
class AppliedRule:
    """A rule, with the name of the policy that it is of."""

    policy: str
    rule: Rule


@dataclass(frozen=True)
class EnvironmentPolicies:
    """All of them.

    Attributes:
        policies: those that can be used.
        broken: the others.
    """

    policies: tuple[EnvironmentPolicy, ...] = ()
    broken: tuple[InvalidPolicy, ...] = ()

    def rules_for(self, environment: str) -> tuple[AppliedRule, ...]:
        """All rules of all policies that apply to an Environment; every one must hold."""
        applying = (p for p in self.policies if _names(p.spec.applies_to.environments, environment))
        return tuple(AppliedRule(p.metadata.name, rule) for p in applying for rule in p.spec.rules)

    def problems(self, environment: str) -> tuple[Problem, ...]:
        """What is wrong with those that apply to an Environment, or may."""
        return tuple(
            problem
            for one in self.broken
            if one.environments is None or _names(one.environments, environment)
            for problem in one.problems
        )

    @cached_property
    def digest(self) -> str:
        """One digest over all of them, whatever their order."""
        good = sorted(digest_of(p.model_dump(mode="json", by_alias=True)) for p in self.policies)
        return digest_of({"policies": good, "broken": sorted(str(p) for one in self.broken for p in one.problems)})


def environment_policies(sources: Iterable[Source]) -> EnvironmentPolicies:
    """Read policies out of parsed documents."""
    good: list[tuple[Source, EnvironmentPolicy]] = []
    broken: list[InvalidPolicy] = []
    for source in sources:
        policy, problems = environment_policy(source)
        if policy is None:
            broken.append(InvalidPolicy(problems, _environments(source)))
        else:
            good.append((source, policy))
    count = Counter(policy.metadata.name for _, policy in good)
    for source, policy in good:
        if count[policy.metadata.name] > 1:
            message = f"there are two policies {policy.metadata.name}"
            problem = source.problem("Duplicate", message, ("metadata", "name"), at_value=True, hint="give each its own name")
            broken.append(InvalidPolicy((problem,), _environments(source)))
    return EnvironmentPolicies(tuple(policy for _, policy in good if count[policy.metadata.name] == 1), tuple(broken))


def environment_policy(source: Source) -> tuple[EnvironmentPolicy | None, tuple[Problem, ...]]:
    """One parsed document as a policy; None, and why, when it cannot be used."""
    policy, problems = parse_document(source, EnvironmentPolicy)
    if policy is not None and (never := tuple(_windows(source, policy))):
        return None, never
    return policy, problems


def _windows(source: Source, policy: EnvironmentPolicy) -> Iterator[Problem]:
    """Windows that could never open."""
    for index, rule in enumerate(policy.spec.rules):
        if isinstance(rule, WindowRule) and (fault := window_problem(rule.cron, rule.time_zone)) is not None:
            field, words = fault
            way = ("spec", "rules", index, field)
            yield source.problem("InvalidValue", f"{'.'.join(map(str, way))}: {words}", way, at_value=True)


def _environments(source: Source) -> tuple[str, ...] | None:
    """Which Environments a document names, as far as that can be read."""
    found = source.data
    for step in ("spec", "appliesTo", "environments"):
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, list) and found and all(isinstance(one, str) and one for one in found):
        return tuple(found)
    return None


def _names(patterns: Sequence[str], environment: str) -> bool:
    """Whether it is among them, in whatever letters: a forge takes both for one repository."""
    return any(fnmatch.fnmatchcase(environment.casefold(), pattern.casefold()) for pattern in patterns)
