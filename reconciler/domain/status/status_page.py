"""Renders the status as the page that Gitea shows on the `status` branch.

All text of other origin is escaped. Links begin with `/:root/`, which Gitea replaces by its own address: it allows no relative
link to leave the folder of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.domain.status.environment_status import status_subject
from reconciler.domain.text.markdown import escape, table
from reconciler.model.layout import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.status import ApplicationStatus, EnvironmentStatus, PlacementStatus

_ICONS: Final[Mapping[str, str]] = {"True": "✅", "False": "❌", "Unknown": "❔"}
_SHORT: Final = 10  # characters of a commit or digest


def status_page(status: EnvironmentStatus, repository: str | None = None) -> str:
    """Renders the status as Markdown: the refusal, every Application on every placement, the conditions, and links.

    Args:
        status: the status to show.
        repository: owner/name on Gitea, for links; None for a repository that is elsewhere.
    """
    lines = [f"# {escape(status.metadata.name)}", "", escape(status_subject(status)), ""]
    runs = (
        f"what runs is of {_commit(status.resolved, repository)} on `resolved`" if status.resolved else "nothing is resolved yet"
    )
    evaluated = f"Evaluated {_commit(status.input, repository)} on `main`" if status.input else "There is no `main`"
    lines += [f"{evaluated}; {runs}.", ""]
    if status.refused:
        lines += [f"**The commit {_commit(status.refused, repository)} is refused**; what runs was not touched:", ""]
        lines += [f"- {escape(p.place)}: {escape(p.message)}" if p.place else f"- {escape(p.message)}" for p in status.problems]
        lines += [""]
    columns = ("Application", "Blueprint", "Digest", "Cluster", "Ready", "State", "Reason", "Waiting for", "Message")
    lines += table(columns, (_row(a, p) for a in status.applications for p in a.placements))
    if status.removing:
        rows = (
            (escape(r.name), escape(p.cluster), escape(p.reason), escape(p.message))
            for r in status.removing
            for p in r.placements
        )
        lines += ["", "Being uninstalled:", "", *table(("Application", "Cluster", "Reason", "Message"), rows)]
    lines += ["", *table(("Condition", "Status", "Reason", "Message"), _conditions(status))]
    if status.resolved:
        lock = _link(f"`{LOCK_FILE}`", repository, f"src/branch/resolved/{LOCK_FILE}")
        lines += ["", f"More: [`status.yaml`](status.yaml), and {lock} on `resolved` with digests and evidence."]
    return "\n".join(lines) + "\n"


def _row(application: ApplicationStatus, placement: PlacementStatus) -> Sequence[str]:
    return (
        escape(application.name),
        escape(f"{application.blueprint} {application.version}"),
        f"`{application.digest.removeprefix('sha256:')[:_SHORT]}`",
        escape(placement.cluster),
        _with_icon(placement.ready),
        placement.state,
        escape(placement.reason),
        escape(", ".join(placement.waiting_for or ())),
        escape(placement.message),
    )


def _conditions(status: EnvironmentStatus) -> Iterable[Sequence[str]]:
    return ((c.type, _with_icon(c.status), escape(c.reason), escape(c.message)) for c in status.conditions)


def _with_icon(truth: str) -> str:
    return f"{_ICONS[truth]} {truth}"


def _commit(commit: str, repository: str | None) -> str:
    return _link(f"`{commit[:_SHORT]}`", repository, f"commit/{commit}")


def _link(label: str, repository: str | None, path: str) -> str:
    return f"[{label}](/:root/{repository}/{path})" if repository else label
