"""What people reviewed of what is on `main`: the plans of the pull requests that were merged since it was resolved last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.loop.branches import MAIN, ref_of
from reconciler.loop.desire import WANTED, input_of

if TYPE_CHECKING:
    from reconciler.decide.reviewed import Brought
    from reconciler.loop.branches import Branches
    from reconciler.world.git import Repository


def reviewed(branches: Branches, clone: Repository) -> tuple[Brought, ...]:
    """What the plans bring whose pull requests `main` holds. Raises Faults as Branches and Repository do.

    A plan that was made of just what `main` holds is all there is to it. Otherwise a pull request counts as merged if merging
    it would change nothing; what became of it on the forge does not matter, nor by which route it came.

    Args:
        branches: the Environment's, as last seen.
        clone: of the same repository, with history.
    """
    plans = {number: planned for number in sorted(branches.plans) if (planned := branches.plan(number)) and planned.brought}
    if not plans:
        return ()
    main, written = branches.head(MAIN) or "", input_of(branches.wanted_files())
    exact = [planned for planned in plans.values() if planned.input == written]
    if exact:
        return exact[-1].brought
    heads = clone.heads()
    known = {number: head for number in plans if (head := heads.get(ref_of(f"pull/{number}"))) is not None}
    clone.fetch({MAIN: main, **{ref_of(f"pull/{number}"): head for number, head in known.items()}})
    found: list[Brought] = []
    for number, head in known.items():
        merged = clone.merge(main, head, WANTED)
        if not merged.problems and input_of(merged) == written:
            found += plans[number].brought
    return tuple(found)
