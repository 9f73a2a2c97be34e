"""Compares each file of `resolved` with what its lock makes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.rendering.flux_objects import RenderContext, Tree, render
from reconciler.model.artifact import registry_of
from reconciler.model.base import API_VERSION, Metadata
from reconciler.model.environment import Environment, EnvironmentSpec, Placement
from reconciler.model.layout import CLUSTERS_FOLDER, LOCK_FILE
from reconciler.model.plain_data import mapping, value_at
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.domain.audit.lock_audit import Finding, Read, Write
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.source import KeyPath, Source

_FITS = 90  # characters of a value in a message


def expected_tree(lock: EnvironmentLock, clusters: Iterable[str], read: Read, keys: Mapping[str, str]) -> Tree:
    """All files that a lock makes.

    Args:
        lock: what is locked.
        clusters: those that have a folder; one without Applications is told by nothing else.
        read: the tree's files, for what the lock does not say.
        keys: public keys (PEM) by authority, of the policies at hand.
    """
    objects = [(package, *found) for package in lock.packages for found in _objects(package, read)]
    releases = [release for _, _, release in objects]
    labels = [mapping(mapping(release.get("metadata")).get("labels")) for release in releases]
    specs = [mapping(release.get("spec")) for release in releases]
    by_host: dict[str, list[Mapping[str, Any]]] = {}
    for package, repository, _ in objects:
        by_host.setdefault(registry_of(package), []).append(mapping(repository.get("spec")))
    around = RenderContext(
        sovereign=_usual(text_field(one, "openova.io/sovereign") for one in labels),
        keys=keys,
        plain_http=frozenset(h for h, some in by_host.items() if _usual("y" if s.get("insecure") is True else "" for s in some)),
        pull_secrets={
            h: n for h, some in by_host.items() if (n := _usual(text_field(mapping(s.get("secretRef")), "name") for s in some))
        },
        interval=_usual(text_field(one, "interval") for one in specs),
        timeout=_usual(text_field(one, "timeout") for one in specs),
    )
    names = sorted({*clusters, *(cluster for package in lock.packages for cluster in package.placements)})
    # What stands in its place is not checked here: it goes nowhere but into what the tree is compared with.
    spec = EnvironmentSpec.model_construct(
        organization=_usual(text_field(one, "openova.io/organization") for one in labels),
        env_type="prod",
        placements=[Placement.model_construct(cluster=name, region="") for name in names],
        flux_namespace=lock.flux_namespace,
    )
    metadata = Metadata(name=lock.metadata.name)
    environment = Environment.model_construct(api_version=API_VERSION, kind="Environment", metadata=metadata, spec=spec)
    return {path: documents for path, documents in render(lock, environment, around).items() if path != LOCK_FILE}


def audit_tree(lock: EnvironmentLock, tree: Tree, files: Mapping[str, bytes], read: Read, write: Write) -> Iterator[Finding]:
    """How the files of a commit differ from what its lock makes.

    Args:
        lock: what is locked.
        tree: all that it makes (`expected_tree`).
        files: all that is there.
        read: reads them.
        write: writes documents as the reconciler does.
    """
    owners = {_file(cluster, package): package.application for package in lock.packages for cluster in package.placements}
    for path in sorted({*tree, *files} - {LOCK_FILE}):
        if path not in files:
            problem = Problem(code="TreeDiffers", message="is not there, and the lock makes it", file=path)
        elif path not in tree:
            problem = Problem(code="TreeDiffers", message="is there, and nothing in the lock makes it", file=path)
        elif files[path] != write(*tree[path]):
            problem = _difference(path, tree[path], read(path))
        else:
            continue
        yield owners.get(path, ""), problem


def _objects(package: Package, read: Read) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """A package's OCIRepository and HelmRelease on each cluster, where both are there."""
    for cluster in package.placements:
        documents = {text_field(mapping(one.data), "kind"): mapping(one.data) for one in read(_file(cluster, package))}
        if {"OCIRepository", "HelmRelease"} <= documents.keys():
            yield documents["OCIRepository"], documents["HelmRelease"]


def _file(cluster: str, package: Package) -> str:
    return f"{CLUSTERS_FOLDER}/{cluster}/{package.application}.yaml"


def _usual(words: Iterable[str]) -> str:
    """The word that is there most often: one file that was changed must not put the blame on all the others."""
    return next((word for word, _ in Counter(words).most_common(1)), "")


def _difference(path: str, expected: Sequence[Mapping[str, Any]], found: Sequence[Source]) -> Problem:
    """Where a file first differs from the documents that it should hold."""
    hint = "do not change this branch by hand; a commit of another version of the reconciler is audited with that version"
    for source in found:
        if source.problems:
            return source.problems[0]
    for wanted, source in zip(expected, found, strict=False):
        way = _way(wanted, source.data)
        if way is not None:
            what = ".".join(map(str, (wanted.get("kind", ""), *way)))
            message = f"{what} is {_value(source.data, way)}; the lock makes it {_value(wanted, way)}"
            return source.problem("TreeDiffers", message, way, at_value=True, hint=hint)
    message = "says what the lock makes, but in other words, which Flux may read otherwise"
    if len(expected) != len(found):
        message = f"holds {len(found)} documents; the lock makes {len(expected)}"
    return Problem(code="TreeDiffers", message=message, file=path, hint=hint)


def _way(wanted: Any, found: Any) -> KeyPath | None:
    """The way to the first part that differs; None when none does."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in (*wanted, *(key for key in found if key not in wanted)):
            if key not in wanted or key not in found:
                return (key,)
            if (deeper := _way(wanted[key], found[key])) is not None:
                return (key, *deeper)
        return None
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        ways = ((i, _way(*pair)) for i, pair in enumerate(zip(wanted, found, strict=True)))
        return next(((i, *deeper) for i, deeper in ways if deeper is not None), None)
    return None if type(wanted) is type(found) and wanted == found else ()


def _value(data: Any, way: KeyPath) -> str:
    """What stands at the end of a way, as a message may show it."""
    words = str(value_at(data, way, "not there"))
    return words if len(words) <= _FITS else f"{words[: _FITS - 3]}..."
