"""Who approved what is on `main`: from its commits, by their first parents, to merged pull requests and those who approved them.

That a pull request accounts for a commit is not taken from the forge alone: what is on `main` must be what merging its head
gives, so that no commit hides behind a pull request of other content, whoever marked it as merged.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.decide.admission import SCORE_CONTEXT, Score
from reconciler.decide.approvals import APPROVED, REJECTED, Change, Opinion, Proposal
from reconciler.decide.marks import PLAN_CONTEXT, Bound, bound_in
from reconciler.decide.validate import APPLICATIONS_FOLDER
from reconciler.loop.branches import MAIN, RESOLVED, ref_of
from reconciler.loop.desire import WANTED, diff_of, input_of
from reconciler.model.faults import Missing
from reconciler.world.gitea import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.loop.branches import Branches
    from reconciler.world.git import Commit, Repository
    from reconciler.world.gitea import Merged, Review, SetBy

MOST: Final = 500  # commits that are walked back
MOST_CHANGES: Final = 200  # changes that are accounted for at once
MOST_REBASED: Final = 100  # commits of one pull request
MOST_QUIET: Final = 20  # of them at its end that change no document
MOST_PLANS: Final = 20  # older heads of one pull request whose plans are looked at
SHORTLY: Final = 30  # seconds for which somebody may look at a page that shows an older plan
_NOTHING: Final = hashlib.sha256().hexdigest()  # the fingerprint of a commit that holds nothing of what is looked for


class ReviewForge(Protocol):
    """What approvals need of a forge; `world.gitea.Gitea` in earnest."""

    def reviews(self, repository: str, number: int) -> Sequence[Review]:
        """The reviews of a pull request, the oldest first."""

    def past(self, repository: str, number: int) -> Past:
        """When a pull request was last made one for another branch, and who pushed to it."""

    def merged_as(self, repository: str, commit: str) -> Merged | None:
        """The pull request whose merge made a commit."""

    def members(self, team: str) -> frozenset[str] | None:
        """Who is in a team (organization/name) now; None when there is no such team."""

    def statuses_by(self, repository: str, commit: str) -> Sequence[SetBy]:
        """All statuses of a commit, the oldest first."""


class Approvals:
    """Approvals in one repository. Raises Faults as the forge and the clone do.

    Args:
        forge: where they are.
        user: as whom the reconciler sets commit statuses there: what anybody else says of a plan does not count.
        repository: owner/name.
        clone: of the same repository, with history.
    """

    def __init__(self, forge: ReviewForge, user: str, repository: str, clone: Repository) -> None:
        self._forge, self._user, self._repository, self._clone = forge, user.lower(), repository, clone
        self._pasts: dict[int, Past] = {}

    def members(self, teams: Sequence[str]) -> frozenset[str]:
        """Who is in any of some teams now.

        Raises:
            Missing: there is no such team.
        """
        found: set[str] = set()
        for team in teams:
            full = team if "/" in team else f"{self._repository.partition('/')[0]}/{team}"
            some = self._forge.members(full)
            if some is None:
                raise Missing(f"there is no team {full} on the forge", "make it, or mend the policy")
            found |= some
        return frozenset(found)

    def proposal(self, number: int, author: str, head: str, plan: Bound | None) -> Proposal:
        """An open pull request with what people say of it.

        Args:
            number: its number.
            author: who opened it.
            head: the commit that it would merge.
            plan: of that; None when it has none.
        """
        opinions, contributors, _ = self._opinions(number, head, ended=False)
        if plan is None:
            return Proposal(number, author, head, opinions, contributors=contributors)
        return Proposal(number, author, head, opinions, plan.tree, plan.files, plan.packages, contributors)

    def _merged(self, merged: Merged, head: str, files: str) -> Proposal:
        """A merged pull request with what people say of it: its plan stands for what it did only if that changed the same."""
        opinions, contributors, plans = self._opinions(merged.number, head, ended=True)
        plan = _stood(plans, merged.at)
        if plan is None or plan.files != files:
            return Proposal(merged.number, merged.author, head, opinions, files=files, contributors=contributors)
        trees = _trees(plans, plan)
        return Proposal(merged.number, merged.author, head, opinions, plan.tree, files, plan.packages, contributors, trees)

    def _opinions(self, number: int, head: str, *, ended: bool) -> tuple[tuple[Opinion, ...], frozenset[str], Sequence[SetBy]]:
        """The reviews of a pull request, each with the plan that it is of, whose it is in part, and the plans of its head."""
        reviews = [one for one in self._forge.reviews(self._repository, number) if one.state in {APPROVED, REJECTED}]
        approved = [one for one in reviews if one.state == APPROVED]
        past = self._past(number, ended=ended) if approved else Past()
        commits = list(dict.fromkeys((head, *(one.commit for one in reversed(approved)))))[: MOST_PLANS + 1] if approved else []
        plans = {commit: self._plans(commit) for commit in commits}
        opinions = tuple(
            Opinion(
                one.person,
                one.state == APPROVED,
                one.commit,
                one.dismissed or (past.moved is not None and one.at <= past.moved),
                _read(plans.get(one.commit, ()), one.at),
            )
            for one in reviews
        )
        return opinions, past.contributors, plans.get(head, ())

    def _past(self, number: int, *, ended: bool) -> Past:
        """What became of a pull request. One that is merged is asked about once: nothing more becomes of it."""
        if not ended:
            return self._forge.past(self._repository, number)
        if number not in self._pasts:
            self._pasts[number] = self._forge.past(self._repository, number)
        return self._pasts[number]

    def score(self, people: Sequence[str], *commits: str) -> Score:
        """The newest score that some people, or if none are named anybody, set of the first of some commits that has one."""
        names = {one.lower() for one in people}
        for commit in dict.fromkeys(commits):
            said = self._forge.statuses_by(self._repository, commit)
            ours = [one for one in said if one.context == SCORE_CONTEXT and (not names or one.person in names)]
            if ours:
                return Score(commit, ours[-1].state, ours[-1].description)
        return Score(commits[0])

    def scores(self, people: Sequence[str], main: str, changes: Callable[[], Sequence[Change]]) -> tuple[Score, ...]:
        """The score of `main`'s head, which is of all that is on it; or that of each change, or of what brought it."""
        whole = self.score(people, main)
        if whole.state:
            return (whole,)
        return tuple(self._score_of(people, change) for change in changes() if not change.idle)

    def _score_of(self, people: Sequence[str], change: Change) -> Score:
        """A change's score: that of its pull request's head only if that came to the same when it was planned."""
        ours, proposal = self.score(people, change.commit), change.proposal
        if ours.state or proposal is None or proposal.files is None:
            return ours
        return self.score_of_head(people, proposal.head, proposal.files) or ours

    def score_of_head(self, people: Sequence[str], head: str, files: str) -> Score | None:
        """The score of a pull request's head, if that came to the same (by the digest of files) when it was planned first."""
        plan = next((bound for one in self._plans(head) if (bound := bound_in(one.description)) is not None), None)
        return self.score(people, head) if plan is not None and plan.files == files else None

    def changes(self, branches: Branches) -> tuple[Change, ...]:
        """The commits of `main` that change what people ask for, back to what is resolved, each with what accounts for it.

        Commits that one pull request brought are one change, named by the newest.
        """
        main = branches.head(MAIN) or ""
        heads = self._clone.heads()
        self._clone.fetch({MAIN: main})
        line = self._clone.line(main, most=MOST)
        prints = self._clone.prints(line, WANTED)
        end = self._end(line, prints, branches)
        changes: list[Change] = []
        at = 0
        while at < end:
            if len(changes) == MOST_CHANGES:
                words = (
                    f"and those before it are more than {MOST_CHANGES} changes back: whoever writes the policy must let some go"
                )
                return (Change(line[at].id, why_not=words), *changes)
            same = max(i for i in range(at, min(end + 1, len(prints))) if prints[i] == prints[at])
            if same > at:  # whatever came in between was taken back
                at = same
                continue
            if at + 1 == len(prints) and prints[at] == _NOTHING:
                break
            change, upto = self._accounted(line, prints, at, end, heads)
            changes.append(replace(change, idle=self._is_idle(line, at, upto)))
            at = upto
        if end == len(line) and line[-1].parents:
            changes.append(Change(line[-1].id, why_not=f"is {MOST} commits back, and what is resolved was not found on the way"))
        return tuple(changes)

    def _end(self, line: Sequence[Commit], prints: Sequence[str], branches: Branches) -> int:
        """Where the walk ends: at a commit that holds what was admitted; without one, where nothing was installed."""
        since, digest = branches.input_of_resolved(), branches.digest_of_resolved()
        known = [index for index, commit in enumerate(line) if commit.id == since]
        if known:
            return next(index for index, print_ in enumerate(prints) if print_ == prints[known[0]])
        if digest is not None:  # `main` was rewritten
            same = (i for i, commit in enumerate(line) if input_of(self._clone.read(commit.id, WANTED)) == digest)
            return next(same, len(line))
        if branches.head(RESOLVED) is not None:
            return len(line)
        installed = self._clone.prints(line, (f"{APPLICATIONS_FOLDER}/*.yaml",))
        return next((index for index, print_ in enumerate(installed) if print_ == _NOTHING), len(line))

    def _accounted(
        self, line: Sequence[Commit], prints: Sequence[str], at: int, end: int, heads: Mapping[str, str]
    ) -> tuple[Change, int]:
        """What accounts for a commit, and up to which one: the last ones of a pull request may change nothing of interest."""
        first, covered = self._account(line, at, end, heads)
        top = at
        while first.proposal is None and top > max(0, at - MOST_QUIET) and prints[top - 1] == prints[at]:
            top -= 1
            change, count = self._account(line, top, end, heads)
            if change.proposal is not None and top + count > at:
                return change, top + count
        return first, at + covered

    def _is_idle(self, line: Sequence[Commit], at: int, upto: int) -> bool:
        """Whether documents differ in nothing but comments and how they are written."""
        if upto >= len(line):
            return False
        before, after = (self._clone.read(line[i].id, WANTED) for i in (upto, at))
        return not (before.problems or after.problems) and diff_of(before, after) == diff_of(before, before)

    def _account(self, line: Sequence[Commit], at: int, end: int, heads: Mapping[str, str]) -> tuple[Change, int]:
        """What accounts for a commit, and for how many from there on."""
        commit = line[at]
        merged = self._forge.merged_as(self._repository, commit.id)
        if merged is None or merged.base != MAIN:
            return Change(commit.id), 1
        ref = ref_of(f"pull/{merged.number}")
        if (head := heads.get(ref)) is None:
            return Change(commit.id, why_not=f"came with pull request {merged.number}, whose head is gone"), 1
        self._clone.fetch({MAIN: line[0].id, ref: head})
        for count in dict.fromkeys((self._rebased(line[at:end], head, merged.fork), 1)):
            if at + count < len(line) and (diff := self._diff(commit.id, line[at + count].id, head)) is not None:
                return Change(commit.id, self._merged(merged, head, diff)), count
        return Change(commit.id, why_not=f"is not what merging pull request {merged.number} gives"), 1

    def _rebased(self, line: Sequence[Commit], head: str, fork: str) -> int:
        """How many commits a pull request brought, if they were rebased: each the same, by its author and its words."""
        count = 1
        for ours, theirs in zip(line[1:], self._brought(head, fork), strict=False):
            if (ours.author, ours.message) != (theirs.author, theirs.message):
                break
            count += 1
        return count

    def _brought(self, head: str, fork: str) -> Iterator[Commit]:
        for commit in self._clone.line(head, most=MOST_REBASED):
            if commit.id == fork:
                return
            if commit.id != head:
                yield commit

    def _diff(self, commit: str, before: str, head: str) -> str | None:
        """What a commit changes, if it holds what merging a head into one before it gives; None if it does not."""
        merged = self._clone.merge(before, head, WANTED)
        if merged.problems or input_of(merged) != input_of(self._clone.read(commit, WANTED)):
            return None
        return diff_of(self._clone.read(before, WANTED), merged)

    def _plans(self, commit: str) -> Sequence[SetBy]:
        """What we said of plans of a commit, the oldest first."""
        said = self._forge.statuses_by(self._repository, commit)
        return [one for one in said if one.context == PLAN_CONTEXT and one.person == self._user]


def _stood(plans: Sequence[SetBy], at: int) -> Bound | None:
    """The plan that was told last at a moment, which is not what was planned later of the same commit."""
    before = [one for one in plans if one.at <= at and one.state == "success"]
    return bound_in(before[-1].description) if before else None


def _trees(plans: Sequence[SetBy], plan: Bound) -> frozenset[str]:
    """The trees of all plans that came to the same: one may have been told a moment after it was merged."""
    every = (bound_in(one.description) for one in plans if one.state == "success")
    return frozenset(b.tree for b in every if b is not None and (b.files, b.packages) == (plan.files, plan.packages))


def _read(plans: Sequence[SetBy], at: int) -> Bound | None:
    """The plan that stood at a moment, unless one that changes something else stood a little before: which was read, then?"""
    stood = _stood(plans, at)
    older = [one for one in plans if one.at <= at - SHORTLY and one.state == "success"][-1:]
    recent = [one for one in plans if at - SHORTLY < one.at <= at and one.state == "success"]
    found = {bound.files for one in (*older, *recent) if (bound := bound_in(one.description)) is not None}
    return stood if len(found) == 1 else None
