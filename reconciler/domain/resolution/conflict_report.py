"""Explains why no consistent choice exists: who requires what through which Applications, and which change would resolve it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.catalog import ExcludedVersion
from reconciler.domain.resolution.candidates import CandidateFinder, closest_requirement
from reconciler.domain.resolution.fixes import FixFinder
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded
from reconciler.domain.resolution.search import solve
from reconciler.domain.text.listing import join_first
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.versions import newest_first, satisfies
from reconciler.model.blueprint import blueprint_name, short_name
from reconciler.model.problem import Problem, Related

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.resolution.outcomes import Solution, Unsolvable
    from reconciler.domain.resolution.requirements import Candidate, Requirement
    from reconciler.domain.validation.environment import ValidatedInput

MAX_CONFLICT_STEPS: Final = 200_000
MAX_REPORTED: Final = 8
_VERSION = ("spec", "blueprint", "version")


class ConflictReporter:
    """Builds the problems of a validated input that has no resolution.

    Args:
        validated: the validated documents of the Environment.
        candidates: the candidates for it.
        catalog: the catalog of Blueprints.
    """

    def __init__(self, validated: ValidatedInput, candidates: CandidateFinder, catalog: Catalog) -> None:
        self._validated = validated
        self._candidates = candidates
        self._outcomes: dict[tuple[Requirement, ...], Solution | Unsolvable] = {}
        self._fixes = FixFinder(validated, candidates, catalog)

    def unsatisfiable(self, requirement: Requirement) -> Problem | None:
        """Returns the problem of a requirement that no version meets; None if a version does."""
        if next(self._candidates.of([requirement]), None) is not None:
            return None
        return self._no_candidate([requirement])

    def report(self, roots: Sequence[Requirement], outcome: Unsolvable) -> tuple[Problem, ...]:
        """Returns the problem of requirements that cannot be met together."""
        match outcome:
            case CyclicSolution():
                return (self._cycle(outcome),)
            case NoSolution(causes) if causes:
                return (self._conflict(roots, causes),)
            case NoSolution() | SearchLimitExceeded():
                source = min(self._validated.declared.items())[1].source
                hint = "narrow the ranges, or split the Environment"
                return (source.problem("TooDeep", "no consistent choice was found within the step limit", hint=hint),)
            case _:
                assert_never(outcome)

    def _conflict(self, roots: Sequence[Requirement], causes: Sequence[Requirement]) -> Problem:
        """Returns the problem of conflicting requirements, with a fix and the requests of a minimal conflict set."""
        core = self._minimal_conflict_set(roots, causes)
        contested = self._contested(core, causes)
        impossible = next((r for r in contested if next(self._candidates.of([r]), None) is None), None)
        problem = self._no_candidate([impossible]) if impossible is not None else self._clash(core, contested)
        fix = self._fixes.first_fix(roots, core, contested)
        hint = "; ".join(filter(None, (fix, problem.hint))) or "another version of only one of these does not resolve this"
        return Problem.model_validate({**dict(problem), "hint": hint, "related": self._requests(core[:MAX_REPORTED])})

    def excluded_lock(self, candidate: Candidate) -> Problem:
        """Returns the problem of a locked version that is excluded, and that no document requests to leave."""
        exclusion = candidate.exclusion
        code, reason = (exclusion.code, exclusion.reason) if exclusion else ("Untrusted", "")
        via = f" (through {' -> '.join(candidate.chain[:-1])})" if len(candidate.chain) > 1 else ""
        subject = f"{candidate.application}{via} is locked to {candidate.blueprint} {candidate.version}"
        path = ("spec", "blueprint", "name") if via else _VERSION
        source = self._validated.declared[candidate.chain[0]].source
        versions = self._candidates.versions(candidate.blueprint)
        request = self._fixes.version_request(candidate, (v for v in versions if v != candidate.version))
        fix = f"to replace it, {request}" if request else "no other version of it alone resolves this"
        hint = f"what runs is left running; {fix}"
        return source.problem(code, f"{subject}, which may no longer be used: {reason}", path, at_value=True, hint=hint)

    def _cycle(self, cyclic: CyclicSolution) -> Problem:
        """Returns the problem of a dependency cycle, with all its links: Flux would wait for it without end."""
        links, solution = [], cyclic.solution
        for requirer, name in pairwise(cyclic.cycle):
            requirement = next(r for r in self._candidates.needs.of(solution[requirer]) if r.application == name)
            links.append(f"{requirer} needs {name} ({requirement.written})")
        source = self._validated.declared[solution[cyclic.cycle[0]].chain[0]].source
        message = f"these Applications depend on each other in a cycle: {' -> '.join(cyclic.cycle)}; {', '.join(links)}"
        return source.problem(
            "Cycle", message, ("spec", "blueprint"), hint="bind one of these dependencies to an Application of its own"
        )

    def _minimal_conflict_set(self, roots: Sequence[Requirement], causes: Iterable[Requirement]) -> list[Requirement]:
        """Returns a minimal set of roots that conflict, found by removing ever smaller parts (delta debugging)."""
        suspects = {cause.chain[0] for cause in causes}
        core = [root for root in roots if root.application in suspects]
        if self._is_possible(core):
            core = list(roots)
        size = max(1, len(core) // 2)
        while size:
            subsets = (core[:start] + core[start + size :] for start in range(0, len(core), size))
            smaller = next((subset for subset in subsets if subset and not self._is_possible(subset)), None)
            if smaller is None:
                size //= 2
            else:
                core, size = smaller, min(size, max(1, len(smaller) // 2))
        return core

    def _is_possible(self, roots: Sequence[Requirement]) -> bool:
        """Returns whether the roots have a solution that is found within MAX_CONFLICT_STEPS."""
        return not isinstance(self._solved(roots), NoSolution | SearchLimitExceeded | CyclicSolution)

    def _solved(self, roots: Sequence[Requirement]) -> Solution | Unsolvable:
        """Returns the outcome for roots within MAX_CONFLICT_STEPS; each search is made once."""
        key = tuple(roots)
        if key not in self._outcomes:
            self._outcomes[key] = solve(roots, self._candidates, steps=MAX_CONFLICT_STEPS)
        return self._outcomes[key]

    def _contested(self, core: Sequence[Requirement], causes: Sequence[Requirement]) -> list[Requirement]:
        """Returns the requirements on the one Application over which the core conflicts, sorted."""
        outcome = self._solved(core)
        if isinstance(outcome, NoSolution):
            causes = outcome.causes or causes
        by_application: dict[str, list[Requirement]] = {}
        for cause in causes:
            by_application.setdefault(cause.application, []).append(cause)
        contested = min(by_application.values(), key=lambda rs: (-len({r.requirer for r in rs}), rs[0].application))
        return sorted(dict.fromkeys(contested), key=lambda r: (not r.declared, r.chain, r.written, r.range))

    def _clash(self, core: Sequence[Requirement], contested: Sequence[Requirement]) -> Problem:
        """Returns the problem of requirements on one Application that conflict, at the core's first unlocked Application."""
        closest = closest_requirement(contested)
        listing = join_first(_descriptions(contested), MAX_REPORTED, "; ")
        if all(requirement.blueprint == closest.blueprint for requirement in contested):
            message = f"no version of {closest.application} meets all requirements: {listing}; {self._funnel(contested)}"
        else:
            message = f"{closest.application} cannot be of more than one Blueprint: {listing}"
        newest = next((root for root in core if root.application not in self._candidates.prior), core[0])
        return self._validated.declared[newest.application].source.problem("Conflict", message, _VERSION, at_value=True)

    def _requests(self, core: Sequence[Requirement]) -> tuple[Related, ...]:
        """Returns the version that each declared Application of the core requests, with its location."""
        requests = []
        for root in core:
            location = self._validated.declared[root.application].source.problem("", "", _VERSION, at_value=True)
            message = f"{root.application} requests {root.blueprint} {root.range}"
            requests.append(Related(message=message, file=location.file, line=location.line, column=location.column))
        return tuple(requests)

    def _funnel(self, requirements: Sequence[Requirement]) -> str:
        """Returns the number of versions: all, those in range, and those that are usable."""
        versions = {
            version
            for requirement in requirements
            for listed in self._candidates.listed(requirement).values()
            for version in listed
        }
        in_range = [version for version in versions if all(satisfies(version, r.range) for r in requirements)]
        if not in_range:
            return f"found {len(versions)}, in all these ranges 0"
        evaluated = {version.version: version for version in self._candidates.evaluate(requirements)}
        excluded = [version for version in evaluated.values() if isinstance(version, ExcludedVersion)]
        adjective = "signed" if excluded and all(version.code == "Untrusted" for version in excluded) else "usable"
        sample = f" of the {len(evaluated)} newest" if len(evaluated) < len(in_range) else ""
        return f"found {len(versions)}, in range {len(in_range)}, {adjective} {len(evaluated) - len(excluded)}{sample}"

    def _no_candidate(self, requirements: Sequence[Requirement]) -> Problem:
        """Returns the problem of an Application for which no version is possible, whichever the other choices are."""
        requirement = closest_requirement(requirements)
        if requirement.is_recursive:
            lineage = requirement.lineage[requirement.lineage.index(requirement.blueprint) :]
            cycle = " -> ".join((*lineage, requirement.blueprint))
            message = f"each of these Blueprints requires a dedicated instance of the next, without end: {cycle}"
            return self._problem(requirement, "Cycle", message)
        listed = self._candidates.listed(requirement)
        if len(listed) > 1:
            message = f"{requirement.blueprint} is in more than one catalog: {', '.join(sorted(listed))}"
            return self._problem(requirement, "AmbiguousBlueprint", message, hint="select one with spec.blueprint.catalog")
        versions = newest_first(version for versions in listed.values() for version in versions)
        if not versions:
            catalogs = f"the catalog {requirement.catalog}" if requirement.catalog else "any catalog"
            message = f"{_description(requirement)}, which is not in {catalogs}"
            return self._problem(requirement, "UnknownBlueprint", message, hint=self._similar_name(requirement), at_name=True)
        excluded = [version for version in self._candidates.evaluate(requirements) if isinstance(version, ExcludedVersion)]
        if not excluded:
            message = f"{_description(requirement)}; found {len(versions)} versions, in range 0"
            return self._problem(requirement, "NoVersion", message, hint=_range_hint(versions, requirement.range))
        reasons = "; ".join(f"{version.version}: {version.reason}" for version in excluded[:3])
        message = f"{_description(requirement)}; {self._funnel(requirements)}: {reasons}"
        return self._problem(requirement, excluded[0].code, message, hint=self._exclusion_hint(requirement, excluded))

    def _similar_name(self, requirement: Requirement) -> str:
        """Returns a hint with a Blueprint of a similar name that this Environment uses; empty without one.

        The Catalog cannot list Blueprints, so only the names of the lock and of the documents are compared.
        """
        if not requirement.declared:
            return ""
        hint = did_you_mean(short_name(requirement.blueprint), self._known_names)
        return hint if hint.startswith("did you mean") else ""

    @cached_property
    def _known_names(self) -> frozenset[str]:
        declared = {blueprint_name(d.application.spec.blueprint.name) for d in self._validated.declared.values()}
        locked = {package.blueprint for package in self._candidates.prior.values()}
        return frozenset(short_name(name) for name in locked | {name for name in declared if self._candidates.exists(name)})

    def _exclusion_hint(self, requirement: Requirement, excluded: Sequence[ExcludedVersion]) -> str:
        """Returns how to get one of the excluded versions; empty when no step is known."""
        match excluded[0].code:
            case "Downgrade":
                older = (version.version for version in excluded if version.code == "Downgrade")
                request = self._fixes.version_request(requirement, older)
                return f"to downgrade, {request}" if request else ""
            case "UpgradeBlocked":
                blocked = [version.version for version in excluded if version.code == "UpgradeBlocked"]
                steps = self._candidates.upgrade_path(requirement, blocked)
                possible = (v for v in steps if not requirement.declared or self._is_possible([replace(requirement, range=v)]))
                step = next(possible, None)
                return f"upgrade to {step} first" if step else "see the upgrade notes of the Blueprint"
            case _:
                return ""

    def _problem(self, requirement: Requirement, code: str, message: str, *, hint: str = "", at_name: bool = False) -> Problem:
        """Returns a problem located in the document of the declared Application at which the requirement's chain begins."""
        source = self._validated.declared[requirement.chain[0]].source
        path = ("spec", "blueprint", "version" if requirement.declared and not at_name else "name")
        return source.problem(code, message, path, at_value=True, hint=hint)


def _descriptions(requirements: Iterable[Requirement]) -> list[str]:
    """Returns who requires which range through which Applications; equal requirements of several versions are one entry."""
    groups: dict[tuple[tuple[str, ...], str], list[Requirement]] = {}
    for requirement in requirements:
        groups.setdefault((requirement.chain, requirement.range), []).append(requirement)
    descriptions = []
    for (chain, range_), group in groups.items():
        written = sorted({requirement.written for requirement in group})
        more = len(written) - 1
        others = f" and {'another version' if more == 1 else f'{more} other versions'} of it" if more else ""
        descriptions.append(f"{' -> '.join(chain)} needs {group[0].blueprint} {range_} ({written[-1]}{others})")
    return descriptions


def _range_hint(versions: Sequence[str], range_: str) -> str:
    """Returns a pre-release that a range does not match only because it names none; or else the newest versions."""
    pre_release = next((v for v in versions if not satisfies(v, "*") and satisfies(v.partition("-")[0], range_)), None)
    if pre_release is not None:
        return f"{pre_release} is a pre-release, which only a range that names a pre-release includes, such as ^{pre_release}"
    return f"the newest are {', '.join(versions[:3])}"


def _description(requirement: Requirement) -> str:
    """Returns who requires which Blueprint in which range, and through which Applications."""
    via = "" if requirement.declared else f" (through {' -> '.join(requirement.chain)}, in {requirement.written})"
    return f"{requirement.requirer} needs {requirement.blueprint} {requirement.range}{via}"
