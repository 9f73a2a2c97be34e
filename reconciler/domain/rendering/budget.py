"""Bounds what a lock would be rendered to: Applications times placements, and the bytes of their values times placements.

Both are products of what one push may have, so that 2 MB of documents could be gigabytes of files. The limits are those within
which `resolved` can be written, read again, applied by Flux and observed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.lock import EnvironmentLock

MAX_RELEASES: Final = 20_000
"""HelmReleases of an Environment, on all its placements together."""
MAX_REMOVALS: Final = 20_000
"""HelmReleases that are being uninstalled, and clusters that were placements, together."""
MAX_LOCK_BYTES: Final = 24 << 20
"""Bytes of values of all Applications together: the lock has them once, and must be readable as the reconciler's own file."""
MAX_RENDERED_BYTES: Final = 64 << 20
"""Bytes of values in all HelmReleases together."""
MAX_STORED_BYTES: Final = 1408 << 10
"""Bytes that the values of one HelmRelease may take in the API server: etcd takes no request above 1.5 MiB, and its status, its
conditions and their history need room too. One larger would be committed, and Flux could apply none of the Environment's."""
_FIELD_BYTES: Final = len('"f:":{},')
_ESCAPED_BYTES: Final = len("\\u003c") - 1


def oversized_applications(lock: EnvironmentLock) -> Mapping[str, int]:
    """Returns the Applications whose HelmRelease an API server could not store, and the bytes that their values would take."""
    sizes = {package.application: _stored_bytes(package.values) for package in lock.packages}
    return {application: size for application, size in sizes.items() if size > MAX_STORED_BYTES}


def _stored_bytes(values: Mapping[str, Any]) -> int:
    """Returns the bytes of values as an API server stores them.

    It writes JSON as Go does, which escapes `<`, `>` and `&`, and remembers each field's owner by its name (`managedFields`).
    """
    text = json.dumps(values, ensure_ascii=False)
    return len(text.encode()) + _ESCAPED_BYTES * sum(text.count(character) for character in "<>&") + _owned_bytes(values)


def _owned_bytes(values: Mapping[str, Any]) -> int:
    return sum(
        len(json.dumps(key)) + _FIELD_BYTES + (_owned_bytes(value) if isinstance(value, dict) else 0)
        for key, value in values.items()
    )


def budget_problem(lock: EnvironmentLock) -> str:
    """Returns why a lock is not rendered, in one sentence; empty when it is within the limits."""
    releases = sum(len(package.placements) for package in lock.packages)
    if releases > MAX_RELEASES:
        placements = max(len(package.placements) for package in lock.packages)
        return (
            f"{len(lock.packages)} Applications on up to {placements} placements are {releases} HelmReleases; "
            f"an Environment has at most {MAX_RELEASES}"
        )
    removals = sum(len(removal.placements) for removal in lock.removing) + len(lock.former_placements)
    if removals > MAX_REMOVALS:
        return f"{removals} HelmReleases would be left to uninstall; at most {MAX_REMOVALS} are: see `removing` in the status"
    sizes = {p.application: (len(json.dumps(p.values, ensure_ascii=False).encode()), len(p.placements)) for p in lock.packages}
    once = sum(size for size, _ in sizes.values())
    if once > MAX_LOCK_BYTES:
        return f"the values of all Applications have {once >> 20} MiB; the lock holds at most {MAX_LOCK_BYTES >> 20} MiB"
    total = sum(size * placements for size, placements in sizes.values())
    if total <= MAX_RENDERED_BYTES:
        return ""
    name, (size, placements) = max(sizes.items(), key=lambda item: (item[1][0] * item[1][1], item[0]))
    return (
        f"the values of all Applications, once for each of their placements, have {total >> 20} MiB; at most "
        f"{MAX_RENDERED_BYTES >> 20} MiB are written; the most are those of {name}: {size} bytes on {placements} placements"
    )
