"""Compares each file of a commit of `resolved` with the file that its lock renders."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.domain.readiness.helm_release import text_field
from reconciler.domain.rendering.flux_objects import RenderContext, Tree, render
from reconciler.model.artifact import registry_of
from reconciler.model.layout import LOCK_FILE, release_file
from reconciler.model.lock import LockedSovereign
from reconciler.model.plain_data import mapping, value_at
from reconciler.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.domain.audit.lock_audit import Finding, Read, Write
    from reconciler.model.lock import EnvironmentLock, Package
    from reconciler.model.source import KeyPath, Source

_MAX_SHOWN = 90  # characters of a value in a message


def expected_tree(lock: EnvironmentLock, clusters: Iterable[str], read: Read, keys: Mapping[str, str]) -> Tree:
    """Renders all files of a lock, except the lock itself.

    Args:
        lock: the lock.
        clusters: the clusters with a folder; in the older format nothing else shows a cluster without Applications.
        read: reads a file of the tree, for values that the lock does not contain.
        keys: public keys (PEM) by authority, of the policies at hand.
    """
    objects = [(package, *pair) for package in lock.packages for pair in _objects(package, read)]
    releases = [release for _, _, release in objects]
    labels = [mapping(mapping(release.get("metadata")).get("labels")) for release in releases]
    specs = [mapping(release.get("spec")) for release in releases]
    by_host: dict[str, list[Mapping[str, Any]]] = {}
    for package, repository, _ in objects:
        by_host.setdefault(registry_of(package), []).append(mapping(repository.get("spec")))
    context = RenderContext(
        sovereign="",  # not used: the lock has it
        keys=keys,
        plain_http=frozenset(
            host for host, of_host in by_host.items() if _usual("y" if spec.get("insecure") is True else "" for spec in of_host)
        ),
        pull_secrets={
            host: name
            for host, of_host in by_host.items()
            if (name := _usual(text_field(mapping(spec.get("secretRef")), "name") for spec in of_host))
        },
    )
    if lock.sovereign is None:  # of the older format
        lock = lock.model_copy(
            update={
                "sovereign": LockedSovereign(
                    name=_usual(text_field(label, "openova.io/sovereign") for label in labels),
                    interval=_usual(text_field(spec, "interval") for spec in specs),
                    timeout=_usual(text_field(spec, "timeout") for spec in specs),
                ),
                "organization": _usual(text_field(label, "openova.io/organization") for label in labels),
                "placements": sorted({*clusters, *(cluster for package in lock.packages for cluster in package.placements)}),
            }
        )
    return {path: documents for path, documents in render(lock, context).items() if path != LOCK_FILE}


def audit_tree(lock: EnvironmentLock, tree: Tree, files: Mapping[str, bytes], read: Read, write: Write) -> Iterator[Finding]:
    """Yields the differences between the files of a commit and the files that its lock renders.

    Args:
        lock: the lock.
        tree: the rendered files (`expected_tree`).
        files: the files of the commit.
        read: parses a file of the commit.
        write: serialises documents as the reconciler does.
    """
    owners = {
        release_file(cluster, package.application): package.application
        for package in lock.packages
        for cluster in package.placements
    }
    for path in sorted({*tree, *files} - {LOCK_FILE}):
        if path not in files:
            problem = Problem(code="TreeDiffers", message="is missing, and the lock makes it", file=path)
        elif path not in tree:
            problem = Problem(code="TreeDiffers", message="exists, and nothing in the lock makes it", file=path)
        elif files[path] != write(*tree[path]):
            problem = _difference(path, tree[path], read(path))
        else:
            continue
        yield owners.get(path, ""), problem


def _objects(package: Package, read: Read) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yields a package's OCIRepository and HelmRelease on each cluster that has both."""
    for cluster in package.placements:
        documents = {
            text_field(mapping(source.data), "kind"): mapping(source.data)
            for source in read(release_file(cluster, package.application))
        }
        if {"OCIRepository", "HelmRelease"} <= documents.keys():
            yield documents["OCIRepository"], documents["HelmRelease"]


def _usual(values: Iterable[str]) -> str:
    """Returns the most frequent value, so that one changed file does not make all others differ; empty without values."""
    return next((value for value, _ in Counter(values).most_common(1)), "")


def _difference(path: str, expected: Sequence[Mapping[str, Any]], sources: Sequence[Source]) -> Problem:
    """Returns a problem at the first difference between a file and its expected documents."""
    hint = "do not change this branch by hand; a commit of another version of the reconciler is audited with that version"
    for source in sources:
        if source.problems:
            return source.problems[0]
    for document, source in zip(expected, sources, strict=False):
        key_path = _first_difference(document, source.data)
        if key_path is not None:
            field = ".".join(map(str, (document.get("kind", ""), *key_path)))
            message = f"{field} is {_value(source.data, key_path)}; the lock makes it {_value(document, key_path)}"
            return source.problem("TreeDiffers", message, key_path, at_value=True, hint=hint)
    message = "has the meaning of what the lock makes, but other bytes, which Flux may read differently"
    if len(expected) != len(sources):
        message = f"has {len(sources)} documents; the lock makes {len(expected)}"
    return Problem(code="TreeDiffers", message=message, file=path, hint=hint)


def _first_difference(expected: Any, actual: Any) -> KeyPath | None:
    """Returns the path of the first difference; None when there is none."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in (*expected, *(key for key in actual if key not in expected)):
            if key not in expected or key not in actual:
                return (key,)
            if (rest := _first_difference(expected[key], actual[key])) is not None:
                return (key, *rest)
        return None
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        paths = ((i, _first_difference(*pair)) for i, pair in enumerate(zip(expected, actual, strict=True)))
        return next(((i, *rest) for i, rest in paths if rest is not None), None)
    return None if type(expected) is type(actual) and expected == actual else ()


def _value(data: Any, path: KeyPath) -> str:
    """Returns the value at a path, shortened for a message."""
    text = str(value_at(data, path, "not there"))
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
