"""Sorts the files of a folder of policies: documents, trusted roots, files that may lie beside them, and problems.

A folder on disk and a folder of a commit are sorted by one rule: what is not known is a problem. A policy under a mistyped name
would otherwise be no policy at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from reconciler.formats.yaml.documents import load_all
from reconciler.model.errors import ConfigurationError
from reconciler.model.layout import PAGE_FILE
from reconciler.model.policy_removal import COMMITTED, MARKER_FILE, StatedRemovals, removals_in
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.git import Snapshot
    from reconciler.model.source import Source

DOCUMENT_SUFFIXES: Final = frozenset({".yaml", ".yml"})
ROOT_SUFFIX: Final = ".json"


@dataclass(frozen=True)
class PolicyFolder:
    """The sorted files of a folder of policies.

    Attributes:
        documents: the files with policies, by their path as problems name it.
        others: the files beside them that a policy can name, by file name: trusted roots.
        problems: files that are not known, or cannot be used.
        removals: the removals that the folder states.
    """

    documents: Mapping[str, bytes] = field(default_factory=dict)
    others: Mapping[str, bytes] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    removals: StatedRemovals = field(default_factory=StatedRemovals)

    def sources(self) -> Iterator[Source]:
        """Yields each parsed document. A file without any is not yielded: see `empty`."""
        for path, text in sorted(self.documents.items()):
            yield from load_all(text, path)

    def empty(self) -> Iterator[Problem]:
        """Yields a problem for each file without a document: what it held is not known to be removed."""
        for path, text in sorted(self.documents.items()):
            if not load_all(text, path):
                hint = "write the policy, or delete the file"
                yield Problem(code="NotOneDocument", message="holds no policy", file=path, line=1, column=1, hint=hint)

    def listed_as_removed(self, names: Iterable[str]) -> Iterator[Problem]:
        """Yields a problem for each policy that is there although the marker file lists it as removed."""
        for name in sorted(self.removals.names & set(names)):
            message = f"lists {name} as removed, and there is a policy {name}"
            yield Problem(code="Duplicate", message=message, file=MARKER_FILE, hint="delete the line, or the policy")


def folder_of_commit(snapshot: Snapshot, *, roots: bool) -> PolicyFolder:
    """Sorts the files of a folder of a commit.

    Args:
        snapshot: the folder's files, and the problems of those that are no plain files.
        roots: whether trusted roots may lie beside the policies.
    """
    return _sorted(snapshot.files, snapshot.problems, COMMITTED, roots=roots)


def folder_on_disk(directory: Path, *, roots: bool) -> PolicyFolder:
    """Reads and sorts the files of a folder on disk.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    files: dict[str, bytes] = {}
    problems = []
    try:
        for path in entries(directory):
            if path.is_dir():
                message, hint = "is a folder where only files are read", "move it elsewhere"
                problems.append(Problem(code="UnexpectedFolder", message=message, file=path.name, hint=hint))
            else:
                files[path.name] = path.read_bytes()
    except OSError as error:
        raise unreadable(directory, error) from None
    return _sorted(files, tuple(problems), removals_in(files.get(MARKER_FILE, b"")), roots=roots)


def entries(directory: Path) -> list[Path]:
    """Returns the entries of a folder on disk that may matter, sorted.

    Hidden files come and go while others are written: the links by which Kubernetes mounts a ConfigMap (`..data`), and temporary
    files.
    """
    return sorted(path for path in directory.iterdir() if path.name == MARKER_FILE or not _is_hidden(PurePosixPath(path.name)))


def unreadable(directory: Path, error: OSError) -> ConfigurationError:
    """Returns the error for a folder that cannot be read."""
    return ConfigurationError(f"the policies in {directory} cannot be read: {error.strerror}")


def _sorted(files: Mapping[str, bytes], problems: tuple[Problem, ...], removals: StatedRemovals, *, roots: bool) -> PolicyFolder:
    paths = {path: PurePosixPath(path) for path in files}
    known = {path for path, pure in paths.items() if pure.suffix in DOCUMENT_SUFFIXES}
    others = {path for path, pure in paths.items() if roots and pure.suffix == ROOT_SUFFIX}
    unknown = sorted(path for path in files.keys() - known - others if not _may_lie_beside(paths[path]))
    return PolicyFolder(
        {path: files[path] for path in known},
        {paths[path].name: files[path] for path in others},
        (*problems, *_unknown(unknown)),
        removals,
    )


def _may_lie_beside(path: PurePosixPath) -> bool:
    """Whether a file is known to be no policy: a page for people, or a hidden file of git, an editor or this program."""
    return path.name == PAGE_FILE or _is_hidden(path)


def _is_hidden(path: PurePosixPath) -> bool:
    """Whether a file is hidden. One that is named like a policy is not passed over."""
    return path.name.startswith("..") or (path.name.startswith(".") and path.suffix.casefold() not in DOCUMENT_SUFFIXES)


def _unknown(paths: Iterable[str]) -> Iterator[Problem]:
    for path in paths:
        message = "would be ignored: policies are read from *.yaml and *.yml"
        yield Problem(code="IgnoredFile", message=message, file=path, hint="rename it, or move it elsewhere")
