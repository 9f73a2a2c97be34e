"""Why there is no consistent choice, so that its readers can mend it: who needs what through whom, and what would help."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, assert_never

from reconciler.domain.catalog import ExcludedVersion
from reconciler.domain.resolution.candidates import CandidateFinder, closest_requirement
from reconciler.domain.resolution.fixes import FixFinder
from reconciler.domain.resolution.outcomes import CyclicSolution, NoSolution, SearchLimitExceeded
from reconciler.domain.resolution.search import is_solvable, solve
from reconciler.domain.text.listing import join_first
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.versions import newest_first, satisfies
from reconciler.model.blueprint import blueprint_name, short_name
from reconciler.model.problem import Problem, Related

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.domain.catalog import Catalog
    from reconciler.domain.resolution.outcomes import Unsolvable
    from reconciler.domain.resolution.requirements import Candidate, Requirement
    from reconciler.domain.validation.environment import ValidatedInput

MAX_CONFLICT_STEPS: Final = 200_000
MAX_REPORTED: Final = 8
_VERSION = ("spec", "blueprint", "version")


class ConflictReporter:
    """What to say of a wish that cannot be met.

    Args:
        wish: what people want.
        candidates: what can be chosen for it.
        catalog: what can be installed.
    """

    def __init__(self, wish: ValidatedInput, candidates: CandidateFinder, catalog: Catalog) -> None:
        self._wish = wish
        self._candidates = candidates
        self._repairs = FixFinder(wish, candidates, catalog)

    def unsatisfiable(self, need: Requirement) -> Problem | None:
        """The problem of a demand that no version at all can meet."""
        if next(self._candidates.of([need]), None) is not None:
            return None
        return self._no_candidate([need])

    def report(self, roots: Sequence[Requirement], outcome: Unsolvable) -> tuple[Problem, ...]:
        """Returns the problem of requirements that cannot be met together."""
        match outcome:
            case CyclicSolution():
                return (self._cycle(outcome),)
            case NoSolution(causes) if causes:
                return (self._conflict(roots, causes),)
            case NoSolution() | SearchLimitExceeded():
                source = min(self._wish.declared.items())[1].source
                hint = "narrow the ranges, or split the Environment"
                return (source.problem("TooDeep", "no consistent choice was found in the steps that are allowed", hint=hint),)
            case _:
                assert_never(outcome)

    def _conflict(self, roots: Sequence[Requirement], causes: Sequence[Requirement]) -> Problem:
        core = self._minimal_conflict_set(roots, causes)
        needs = self._contested(core, causes)
        alone = next((n for n in needs if next(self._candidates.of([n]), None) is None), None)
        problem = self._no_candidate([alone]) if alone is not None else self._clash(core, needs)
        repair = self._repairs.first_fix(roots, core, needs)
        hint = "; ".join(filter(None, (repair, problem.hint))) or "to ask for another version of one of these alone does not help"
        return Problem.model_validate({**dict(problem), "hint": hint, "related": self._asked(core[:MAX_REPORTED])})

    def excluded_pin(self, choice: Candidate) -> Problem:
        """The problem of a locked version that may not be used any more, and that nothing asks to move away from."""
        why = choice.exclusion
        code, reason = (why.code, why.reason) if why else ("Untrusted", "")
        via = f" (through {' -> '.join(choice.chain[:-1])})" if len(choice.chain) > 1 else ""
        where = f"{choice.application}{via} is locked to {choice.blueprint} {choice.version}"
        way = ("spec", "blueprint", "name") if via else _VERSION
        source = self._wish.declared[choice.chain[0]].source
        listed = self._candidates.versions(choice.blueprint)
        asking = self._repairs.version_request(choice, (v for v in listed if v != choice.version))
        hint = f"what runs is left running; {f'to move away, {asking}' if asking else 'no other version of it alone would do'}"
        return source.problem(code, f"{where}, which may no longer be used: {reason}", way, at_value=True, hint=hint)

    def _cycle(self, circular: CyclicSolution) -> Problem:
        """A circle, named whole: Flux would wait for ever on it."""
        links, found = [], circular.solution
        for requirer, name in pairwise(circular.cycle):
            need = next(n for n in self._candidates.needs.of(found[requirer]) if n.application == name)
            links.append(f"{requirer} needs {name} ({need.written})")
        source = self._wish.declared[found[circular.cycle[0]].chain[0]].source
        message = f"these Applications need each other in a circle: {' -> '.join(circular.cycle)}; {', '.join(links)}"
        return source.problem(
            "Cycle", message, ("spec", "blueprint"), hint="bind one of these dependencies to an Application of its own"
        )

    def _minimal_conflict_set(self, roots: Sequence[Requirement], causes: Iterable[Requirement]) -> list[Requirement]:
        """A least set of the declared Applications that cannot be had together."""
        near = {cause.chain[0] for cause in causes}
        core = [root for root in roots if root.application in near]
        if self._possible(core):
            core = list(roots)
        size = max(1, len(core) // 2)
        while size:
            smaller = (core[:at] + core[at + size :] for at in range(0, len(core), size))
            less = next((rest for rest in smaller if rest and not self._possible(rest)), None)
            if less is None:
                size //= 2
            else:
                core, size = less, min(size, max(1, len(less) // 2))
        return core

    def _possible(self, roots: Sequence[Requirement]) -> bool:
        return is_solvable(roots, self._candidates, steps=MAX_CONFLICT_STEPS)

    def _contested(self, core: Sequence[Requirement], causes: Sequence[Requirement]) -> list[Requirement]:
        """The needs on the one Application over which the core clashes, sorted."""
        outcome = solve(core, self._candidates, steps=MAX_CONFLICT_STEPS)
        if isinstance(outcome, NoSolution):
            causes = outcome.causes or causes
        by_name: dict[str, list[Requirement]] = {}
        for cause in causes:
            by_name.setdefault(cause.application, []).append(cause)
        contested = min(by_name.values(), key=lambda ns: (-len({n.requirer for n in ns}), ns[0].application))
        return sorted(dict.fromkeys(contested), key=lambda n: (not n.declared, n.chain, n.written, n.range))

    def _clash(self, core: Sequence[Requirement], needs: Sequence[Requirement]) -> Problem:
        first = closest_requirement(needs)
        demands = _demands(needs)
        shown = join_first(demands, MAX_REPORTED, "; ")
        if all(n.blueprint == first.blueprint for n in needs):
            message = f"no one version of {first.application} suits all who need it: {shown}; {self._funnel(needs)}"
        else:
            message = f"{first.application} cannot be of more than one Blueprint: {shown}"
        newest = next((r for r in core if r.application not in self._candidates.prior), core[0])
        return self._wish.declared[newest.application].source.problem("Conflict", message, _VERSION, at_value=True)

    def _asked(self, core: Sequence[Requirement]) -> tuple[Related, ...]:
        """What each of the core asks for, at its line."""
        found = []
        for root in core:
            at = self._wish.declared[root.application].source.problem("", "", _VERSION, at_value=True)
            message = f"{root.application} asks for {root.blueprint} {root.range}"
            found.append(Related(message=message, file=at.file, line=at.line, column=at.column))
        return tuple(found)

    def _funnel(self, needs: Sequence[Requirement]) -> str:
        """How many versions there are, how many of them are in range, and how many of these can be used."""
        versions = {v for n in needs for listed in self._candidates.listed(n).values() for v in listed}
        in_range = [v for v in versions if all(satisfies(v, n.range) for n in needs)]
        if not in_range:
            return f"found {len(versions)}, in all these ranges 0"
        looked_at = {one.version: one for one in self._candidates.evaluate(needs)}
        over = [one for one in looked_at.values() if isinstance(one, ExcludedVersion)]
        word = "signed" if over and all(one.code == "Untrusted" for one in over) else "usable"
        of = f" of the {len(looked_at)} newest" if len(looked_at) < len(in_range) else ""
        return f"found {len(versions)}, in range {len(in_range)}, {word} {len(looked_at) - len(over)}{of}"

    def _no_candidate(self, needs: Sequence[Requirement]) -> Problem:
        """Why no version of one Application will do, whatever else is chosen."""
        need = closest_requirement(needs)
        if need.is_recursive:
            circle = " -> ".join((*need.lineage[need.lineage.index(need.blueprint) :], need.blueprint))
            return self._at(need, "Cycle", f"these Blueprints each bring along the next, without end: {circle}")
        listed = self._candidates.listed(need)
        if len(listed) > 1:
            message = f"{need.blueprint} is in more than one catalog: {', '.join(sorted(listed))}"
            return self._at(need, "AmbiguousBlueprint", message, hint="say which with spec.blueprint.catalog")
        versions = newest_first(v for found in listed.values() for v in found)
        if not versions:
            where = f"the catalog {need.catalog}" if need.catalog else "any catalog"
            return self._at(
                need, "UnknownBlueprint", f"{_says(need)}, which is not in {where}", hint=self._alike(need), at_name=True
            )
        over = [one for one in self._candidates.evaluate(needs) if isinstance(one, ExcludedVersion)]
        if not over:
            message = f"{_says(need)}; found {len(versions)} versions, in range 0"
            return self._at(need, "NoVersion", message, hint=_newest(versions, need.range))
        reasons = "; ".join(f"{one.version}: {one.reason}" for one in over[:3])
        return self._at(need, over[0].code, f"{_says(need)}; {self._funnel(needs)}: {reasons}", hint=self._way_out(need, over))

    def _alike(self, need: Requirement) -> str:
        """A Blueprint of nearly that name which this Environment knows to exist."""
        if not need.declared:
            return ""
        named = {blueprint_name(one.application.spec.blueprint.name) for one in self._wish.declared.values()}
        known = {p.blueprint for p in self._candidates.prior.values()} | {n for n in named if self._candidates.known(n)}
        hint = did_you_mean(short_name(need.blueprint), {short_name(name) for name in known})
        return hint if hint.startswith("did you mean") else ""

    def _way_out(self, need: Requirement, over: Sequence[ExcludedVersion]) -> str:
        """What a person can do who wants one of the versions that were passed over."""
        match over[0].code:
            case "Downgrade":
                asking = self._repairs.version_request(need, (one.version for one in over if one.code == "Downgrade"))
                return f"to go back on purpose, {asking}" if asking else ""
            case "UpgradeBlocked":
                steps = self._candidates.upgrade_path(need, [one.version for one in over if one.code == "UpgradeBlocked"])
                step = next((v for v in steps if not need.declared or self._possible([replace(need, range=v)])), None)
                return f"go to {step} first" if step else "see the Blueprint's notes on how to get there"
            case _:
                return ""

    def _at(self, need: Requirement, code: str, message: str, *, hint: str = "", at_name: bool = False) -> Problem:
        """A problem at the place in a person's file where the chain begins."""
        source = self._wish.declared[need.chain[0]].source
        way = ("spec", "blueprint", "version" if need.declared and not at_name else "name")
        return source.problem(code, message, way, at_value=True, hint=hint)


def _demands(needs: Iterable[Requirement]) -> list[str]:
    """Who needs which range through whom; versions of a Blueprint that say the same are told in one."""
    alike: dict[tuple[tuple[str, ...], str], list[Requirement]] = {}
    for need in needs:
        alike.setdefault((need.chain, need.range), []).append(need)
    found = []
    for (chain, range_), ones in alike.items():
        written = sorted({n.written for n in ones})
        more = len(written) - 1
        others = f" and {'another version' if more == 1 else f'{more} other versions'} of it" if more else ""
        found.append(f"{' -> '.join(chain)} needs {ones[0].blueprint} {range_} ({written[-1]}{others})")
    return found


def _newest(versions: Sequence[str], range_: str) -> str:
    early = next((v for v in versions if not satisfies(v, "*") and satisfies(v.partition("-")[0], range_)), None)
    if early is not None:
        return f"{early} is a pre-release, which only a range that names one takes, such as ^{early}"
    return f"the newest are {', '.join(versions[:3])}"


def _says(need: Requirement) -> str:
    via = "" if need.declared else f" (through {' -> '.join(need.chain)}, in {need.written})"
    return f"{need.requirer} needs {need.blueprint} {need.range}{via}"
