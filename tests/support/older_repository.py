"""A repository that the reconciler wrote before the lock format v1alpha2: commit 471b92b, with one Application on two clusters.

`tests/golden/repository_of_v1alpha1.txt` is what `git fast-export --all` printed of it: text, from which every commit gets the id
that it had. It was resolved and Ready.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.git_server import bare, git

EXPORT: Final = Path(__file__).parents[1] / "golden" / "repository_of_v1alpha1.txt"


def older_repository(folder: Path) -> Path:
    """Make the bare repository in a folder, which may have an empty one already."""
    repository = folder if folder.exists() else bare(folder)
    git(repository, "fast-import", "--quiet", stdin=EXPORT.read_bytes())
    return repository
