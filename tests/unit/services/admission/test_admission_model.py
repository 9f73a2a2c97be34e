"""Random histories of `main` against an oracle that knows who approved what: nothing is admitted unapproved, or twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.adapters.git import Repository
from reconciler.domain.admission.approvals import ApprovalReview, ReviewedPullRequest, unapproved_changes
from reconciler.domain.admission.plan_binding import PlanFingerprint
from reconciler.domain.locking.input_digests import change_digest, input_digest
from reconciler.model.forge import MergedPullRequest
from reconciler.model.git import Snapshot
from reconciler.model.layout import LOCK_FILE
from reconciler.model.policy import PullRequestRule
from reconciler.model.trailers import ADMITTED_BY, INPUT_COMMIT, INPUT_DIGEST, LOCK_DIGEST, trailer_lines
from reconciler.services.admission.admission_record import admitted_by
from reconciler.services.admission.change_history import ChangeHistory
from reconciler.services.repository.branches import EnvironmentBranches
from tests.support.git_server import bare, git

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

Documents = tuple[int, int]
"""What a commit of `main` says: a value for each of two Applications; 0 when the Application is not there."""

RULE = PullRequestRule(kind="pr-required", approvers=["platform"])
ADA = frozenset({"ada"})


def files_of(documents: Documents) -> dict[str, bytes]:
    named = {f"applications/{name}.yaml": b"value: %d\n" % value for name, value in zip("ab", documents, strict=True) if value}
    return {"environment.yaml": b"name: acme-prod\n", **named} if named else {}


def digest_of(documents: Documents) -> str:
    return input_digest(Snapshot("", files_of(documents), ()))


# The oracle: people, commits and approvals, and no look at the implementation


@dataclass(frozen=True)
class Approval:
    """An approved pull request: its number, and the documents of `main` before and after its merge."""

    number: int
    before: Documents
    after: Documents


@dataclass
class Oracle:
    """Knows the graph of commits, who approved what, and what was admitted."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    says: dict[str, Documents] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    honest: dict[str, str] = field(default_factory=dict)
    resolved: str = ""
    used: set[int] = field(default_factory=set)

    def history(self, commit: str) -> set[str]:
        """A commit and all that it descends from."""
        seen: set[str] = set()
        waiting = [commit]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting.extend(self.parents[one])
        return seen

    def may_admit(self, main: str) -> bool:
        """Whether approvals that were not used yet lead from what is resolved to what `main` says."""
        unused = [approval for approval in self.approvals.values() if approval.number not in self.used]
        return _leads(self.says[self.resolved], self.says[main], unused)

    def must_admit(self, main: str) -> bool:
        """Whether `main` came from the resolved commit by approved merges alone, and none of them was used."""
        while main != self.resolved:
            if main not in self.honest or self.approvals[main].number in self.used:
                return False
            main = self.honest[main]
        return True

    def admitted(self, main: str) -> None:
        """All approvals in the history of what is resolved are used."""
        history = self.history(main)
        self.used |= {approval.number for commit, approval in self.approvals.items() if commit in history}
        self.resolved = main


def _leads(start: Documents, end: Documents, approvals: list[Approval]) -> bool:
    if start == end:
        return True
    steps = (one for one in approvals if one.before == start)
    return any(_leads(one.after, end, [other for other in approvals if other is not one]) for one in steps)


# The world: a repository, a forge, and the history of `resolved` that admissions write


class World:
    """A repository with a `main` that people move, and a `resolved` that follows what is admitted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.origin = folder, bare(folder / "origin.git")
        self.oracle = Oracle()
        self.merged: dict[str, MergedPullRequest] = {}
        self.approved: dict[int, str] = {}
        self.numbers, self.clock, self.clones = count(1), count(1), count(1)
        self.trees: dict[Documents, str] = {}
        self.ever: list[str] = []
        self.main = self.commit((1, 0))
        self.restart()
        self.resolve(())

    def restart(self) -> None:
        """A reconciler on another machine: it has no clone."""
        folder = self.folder / f"clone-{next(self.clones)}"
        self.clone = Repository(folder / "history", self.origin.as_uri(), history=True)
        self.own = Repository(folder / "own", self.origin.as_uri())
        self.changes = ChangeHistory(self, "acme/acme-prod", self.clone, self.reviewed)

    # the forge

    def pull_request_of_merge(self, repository: str, commit: str) -> MergedPullRequest | None:
        del repository
        return self.merged.get(commit)

    def reviewed(self, merged: MergedPullRequest, head: str, files: str) -> ReviewedPullRequest:
        plan = PlanFingerprint("t", self.approved.get(merged.number, ""), "p")
        opinions = [ApprovalReview("ada", approves=True, commit=head, plan=plan)] if merged.number in self.approved else []
        return ReviewedPullRequest(merged.number, "eve", head, opinions, "t", files, "p")

    # git

    def commit(self, says: Documents, *parents: str) -> str:
        """A commit that differs from every other."""
        if says not in self.trees:
            (self.origin / "index").unlink(missing_ok=True)
            for path, content in files_of(says).items():
                blob = git(self.origin, "hash-object", "-w", "--stdin", stdin=content)
                git(self.origin, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
            self.trees[says] = git(self.origin, "write-tree")
        lines = [part for parent in parents for part in ("-p", parent)]
        made = git(self.origin, "commit-tree", self.trees[says], *lines, "-m", f"commit {next(self.numbers)}")
        self.oracle.parents[made], self.oracle.says[made] = parents, says
        self.ever.append(made)
        return made

    @property
    def main(self) -> str:
        """The head of `main`, which any writer may move anywhere."""
        return self._main

    @main.setter
    def main(self, commit: str) -> None:
        git(self.origin, "update-ref", "refs/heads/main", commit)
        self._main = commit

    # what people do

    def merge(self, says: Documents, style: str, *, approved: bool) -> None:
        """A pull request on top of `main`, merged."""
        number, before = next(self.numbers), self.main
        head = self.commit(says, before)
        git(self.origin, "update-ref", f"refs/pull/{number}/head", head)
        parents = {"merge": (before, head), "squash": (before,), "fast-forward": ()}[style]
        self.main = made = self.commit(says, *parents) if parents else head
        self.merged[made] = MergedPullRequest(number, "eve", "main", made, before, next(self.clock))
        if approved:
            old, new = (Snapshot("", files_of(self.oracle.says[commit]), ()) for commit in (before, made))
            self.approved[number] = change_digest(old, new)
            self.oracle.approvals[made] = Approval(number, self.oracle.says[before], says)
            self.oracle.honest[made] = before

    def act(self, action: str, says: Documents, first: int, second: int) -> None:
        """One thing that somebody does."""
        one, other = (self.ever[-1 - back % len(self.ever)] for back in (first, second))
        if action in {"merge", "squash", "fast-forward"}:
            self.merge(says, action, approved=bool(first % 4))
        elif action == "push":
            self.main = self.commit(says, self.main)
        elif action == "rewind":
            self.main = one
        elif action == "orphan":
            self.main = self.commit((0, 0))
        elif action == "craft":  # the documents of one commit, and any parents
            self.main = self.commit(self.oracle.says[one], *dict.fromkeys((one, self.main)))
        elif action == "craft of two":
            self.main = self.commit(self.oracle.says[one], *dict.fromkeys((one, other, self.main)))
        elif action == "merge ours":
            self.main = self.commit(self.oracle.says[self.main], *dict.fromkeys((self.main, one)))
        elif action == "restart":
            self.restart()
        elif action == "no policy":
            self.resolve(())

    # what the reconciler does

    def look(self) -> None:
        """A pass: admit `main`, or hold it."""
        says, oracle = self.oracle.says, self.oracle
        if digest_of(says[self.main]) == digest_of(says[oracle.resolved]):
            return
        branches = EnvironmentBranches(self.own)
        branches.refresh()
        changes = self.changes.changes(branches)
        unapproved = unapproved_changes(RULE, changes, ADA)
        if not unapproved:
            assert oracle.may_admit(self.main), "nobody approved of that, or it was used"
            self.resolve(admitted_by(changes))
        else:
            assert not oracle.must_admit(self.main), unapproved

    def resolve(self, used: Iterable[str]) -> None:
        """Commit what `main` says to `resolved`, as a pass does."""
        heads = self.own.heads()
        if (before := heads.get("resolved")) is not None:
            self.own.fetch({"resolved": before})
        lock = self.main.encode()
        digest = "sha256:" + hashlib.sha256(lock).hexdigest()
        trailers = [(INPUT_COMMIT, self.main), (INPUT_DIGEST, digest_of(self.oracle.says[self.main])), (LOCK_DIGEST, digest)]
        message = "resolved\n\n" + trailer_lines(*trailers, *((ADMITTED_BY, one) for one in used))
        made = self.own.write({LOCK_FILE: lock}, parent=before, message=message, time=next(self.clock))
        self.own.push(made.id, "resolved", expect=before)
        self.oracle.admitted(self.main)


ACTIONS = (
    "merge",
    "squash",
    "fast-forward",
    "push",
    "rewind",
    "craft",
    "craft of two",
    "merge ours",
    "restart",
    "no policy",
    "look",
)

STATES: tuple[Documents, ...] = ((1, 0), (2, 0), (1, 1))

STEPS = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(STATES), st.integers(0, 9), st.integers(0, 9), st.booleans())


NEVER_NOTED = [
    # what an earlier version, or a time without policies, admitted: no approval is noted, and history alone tells
    [("merge", (2, 0), 1, 0, False), ("merge", (1, 1), 1, 0, False), ("no policy", (1, 0), 0, 0, False),
     ("merge", (1, 0), 1, 0, True), ("craft", (1, 0), 4, 0, True)],
    # the same, and the commit with that history is gone
    [("merge", (2, 0), 1, 0, False), ("merge", (1, 1), 1, 0, False), ("no policy", (1, 0), 0, 0, False),
     ("rewind", (1, 0), 4, 0, False), ("no policy", (1, 0), 0, 0, False), ("restart", (1, 0), 0, 0, False),
     ("rewind", (1, 0), 2, 0, True)],
    # another history, which begins with nothing
    [("orphan", (1, 0), 0, 0, False), ("merge", (2, 0), 1, 0, True)],
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@example(steps=NEVER_NOTED[0])
@example(steps=NEVER_NOTED[1])
@example(steps=NEVER_NOTED[2])
@given(steps=st.lists(STEPS, min_size=5, max_size=14))
def test_each_approval_admits_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Documents, int, int, bool]]
) -> None:
    world = World(tmp_path_factory.mktemp("world"))
    for action, says, first, second, looks in steps:
        world.act(action, says, first, second)
        if looks or action == "look":
            world.look()
    world.look()
