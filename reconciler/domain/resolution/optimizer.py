"""From a consistent choice to a better one: nothing moves that need not, and what moves goes as far as it can.

The search prefers the locked version and then the newest of each Application by itself. Where that makes something else move that
nobody asked to move, or where it had to go back, another choice may be better for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.resolution.candidates import CandidateFinder, SearchConstraints
from reconciler.domain.resolution.search import NoSolution, SearchLimitExceeded, solve
from reconciler.domain.versions import satisfies

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from reconciler.domain.resolution.requirements import Candidate, Requirement

MAX_OPTIMIZER_TRIES: Final = 100
"""Searches for something better; what is found until then is consistent in any case."""
MAX_OPTIMIZER_STEPS: Final = 500_000


def minimize_changes(
    found: Mapping[str, Candidate], roots: Sequence[Requirement], candidates: CandidateFinder, free: Collection[str]
) -> Mapping[str, Candidate]:
    """A choice that leaves a greatest set of Applications in their locked versions."""
    for name in _moved(found, roots, candidates, free)[:MAX_OPTIMIZER_TRIES]:
        kept = _kept(found, candidates, free)
        if name in kept or name not in found:
            continue
        try:
            better = _try(roots, candidates, SearchConstraints(exactly=kept | {name: candidates.prior[name].version}))
        except SearchLimitExceeded:  # so would be the next tries
            break
        if better is not None and (kept | {name: ""}).keys() <= _kept(better, candidates, free).keys():
            found = better
    return found


def maximize_versions(
    found: Mapping[str, Candidate], roots: Sequence[Requirement], candidates: CandidateFinder, free: Collection[str]
) -> Mapping[str, Candidate]:
    """A choice in which no Application could be newer without another one being older."""
    for name in sorted(found)[:MAX_OPTIMIZER_TRIES]:
        kept = _kept(found, candidates, free)
        while name in found and name not in kept:
            least = {other: choice.version for other, choice in found.items() if other not in kept and other != name}
            try:
                better = _try(
                    roots, candidates, SearchConstraints(exactly=kept, at_least=least, above={name: found[name].version})
                )
            except SearchLimitExceeded:  # so would be the next tries
                return found
            if better is None or better.keys() != found.keys():
                break
            found = better
    return found


def _try(roots: Sequence[Requirement], candidates: CandidateFinder, within: SearchConstraints) -> Mapping[str, Candidate] | None:
    try:
        better = solve(roots, candidates, within, steps=MAX_OPTIMIZER_STEPS)
    except SearchLimitExceeded:
        raise
    except NoSolution:
        return None
    return None if any(choice.exclusion for choice in better.values()) else better


def _kept(found: Mapping[str, Candidate], candidates: CandidateFinder, free: Collection[str]) -> dict[str, str]:
    """The Applications that are in their locked versions."""
    prior = candidates.prior
    return {
        name: choice.version
        for name, choice in found.items()
        if name in prior
        and name not in free
        and (prior[name].blueprint, prior[name].version) == (choice.blueprint, choice.version)
    }


def _moved(
    found: Mapping[str, Candidate], roots: Sequence[Requirement], candidates: CandidateFinder, free: Collection[str]
) -> list[str]:
    """The Applications that moved, and that no person asked to move."""
    asked = {root.application: root for root in roots}
    return [
        name
        for name, choice in sorted(found.items())
        if (past := candidates.prior.get(name)) is not None
        and name not in free
        and past.blueprint == choice.blueprint
        and past.version != choice.version
        and (name not in asked or satisfies(past.version, asked[name].range))
    ]


def has_backtracked(
    found: Mapping[str, Candidate], candidates: CandidateFinder, needs: Mapping[str, Sequence[Requirement]]
) -> bool:
    """Whether any Application is not in the first candidate that its needs allow."""
    return any(next(candidates.of(list(needs[name])), None) != choice for name, choice in found.items())
