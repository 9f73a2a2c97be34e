"""Reads what was admitted from the history of `resolved`: the only place where it is written.

Each commit of `resolved` names the commit of `main` that it follows from, and the changes by which a policy admitted it. An
approval admits one transition: what is named there, or is an ancestor of what is named there, admits nothing again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.model.trailers import ADMITTED_BY, INPUT_COMMIT, INPUT_DIGEST, REMOVED, trailer_values
from reconciler.services.repository.adoption import own_history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.domain.admission.approvals import Change
    from reconciler.model.git import Commit
    from reconciler.services.repository.ports import GitRepository

MAX_RECORDED: Final = 10_000  # commits of `resolved` that are read, the newest first

_ADMITTED: Final = re.compile(r"([0-9a-f]{40})(?: pull/(\d+) ([0-9a-f]{40}))?")


@dataclass(frozen=True)
class AdmissionRecord:
    """What was admitted until now.

    Attributes:
        newest: the commit of `resolved` with what was admitted last; None when nothing was.
        inputs: the commits of `main` that were admitted, the newest first, each with the last time (seconds since the epoch).
        changes: the commits that changed something, and were admitted by an approval or a score.
        pulls: the number and head of each pull request by which something was admitted.
    """

    newest: Commit | None = None
    inputs: Mapping[str, int] = field(default_factory=dict)
    changes: frozenset[str] = frozenset()
    pulls: frozenset[tuple[int, str]] = frozenset()

    @property
    def digest(self) -> str | None:
        """The digest of the documents that were admitted last."""
        return _last(self.newest, INPUT_DIGEST)

    @property
    def input(self) -> str | None:
        """The commit of `main` that was admitted last."""
        return _last(self.newest, INPUT_COMMIT)


@dataclass(frozen=True)
class SpentAdmissions:
    """What admits nothing again.

    Attributes:
        record: what was admitted until now.
        commits: of the commits of `main`, those that are ancestors of an admitted commit.
        since: seconds since the epoch: what was merged or scored until then may have been used, since the commit that was
            admitted then is not in the repository any more. 0 when none is missing.
    """

    record: AdmissionRecord = field(default_factory=AdmissionRecord)
    commits: frozenset[str] = frozenset()
    since: int = 0

    def has_commit(self, commit: str) -> bool:
        """Whether a commit of `main` was admitted already, by itself or with a later one."""
        return commit in self.commits or commit in self.record.changes or commit in self.record.inputs

    def has_head(self, head: str) -> bool:
        """Whether the head of a pull request was admitted already."""
        return any(head == used for _, used in self.record.pulls)


class AdmissionRecords:
    """The admission records of one repository. Reads the history of a head of `resolved` once.

    Args:
        clone: a clone of the repository, with history.
    """

    def __init__(self, clone: GitRepository) -> None:
        self._clone = clone
        self._last: tuple[str, AdmissionRecord] | None = None
        self._spent: tuple[tuple[AdmissionRecord, str], SpentAdmissions] | None = None

    def read(self, resolved: str | None) -> AdmissionRecord:
        """The record in the history of a head of `resolved`, which is in the clone; empty without a head."""
        if resolved is None:
            return AdmissionRecord()
        if self._last is None or self._last[0] != resolved:
            history = self._clone.first_parent_history(resolved, limit=MAX_RECORDED)
            self._last = resolved, _record(own_history(self._clone, history, is_head_own=True))
        return self._last[1]

    def spent(self, record: AdmissionRecord, main: Sequence[Commit]) -> SpentAdmissions:
        """What admits nothing again, among the commits of `main`, the newest first."""
        key = (record, main[0].id if main else "")
        if self._spent is None or self._spent[0] != key:
            self._spent = key, self._read_spent(record, main)
        return self._spent[1]

    def _read_spent(self, record: AdmissionRecord, main: Sequence[Commit]) -> SpentAdmissions:
        present = [id_ for id_ in record.inputs if self._clone.has_commit(id_)]
        missing = record.inputs.keys() - set(present)
        return SpentAdmissions(
            record,
            self._clone.ancestors(present, [commit.id for commit in main]),
            max((record.inputs[id_] for id_ in missing), default=0),
        )


def admitted_by(changes: Sequence[Change]) -> tuple[str, ...]:
    """Returns the values of the trailers for the changes by which a commit was admitted."""
    return tuple(
        f"{change.commit} pull/{change.proposal.number} {change.proposal.head}" if change.proposal else change.commit
        for change in changes
        if not change.is_cosmetic
    )


def _record(commits: Sequence[Commit]) -> AdmissionRecord:
    """Builds the record from the reconciler's own commits of `resolved`, the newest first."""
    inputs: dict[str, int] = {}
    admitted: list[re.Match[str]] = []
    for commit in commits:
        admits = not trailer_values(commit, REMOVED)  # the end of a removal admits nothing
        for id_ in trailer_values(commit, INPUT_COMMIT):
            inputs[id_] = max(inputs.get(id_, 0), commit.time if admits else 0)
        admitted += [match for value in trailer_values(commit, ADMITTED_BY) if (match := _ADMITTED.fullmatch(value))]
    return AdmissionRecord(
        next((commit for commit in commits if _last(commit, INPUT_COMMIT)), None),
        inputs,
        frozenset(match[1] for match in admitted),
        frozenset((int(match[2]), match[3]) for match in admitted if match[2]),
    )


def _last(commit: Commit | None, trailer: str) -> str | None:
    """Returns the last trailer of a name in a commit's message; None without one."""
    return next(reversed(trailer_values(commit, trailer)), None) if commit else None
