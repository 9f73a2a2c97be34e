"""Keys for signed commits, and git's own opinion of a signature."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from reconciler.adapters.commit_keys import CommitKeys, create_key_file
from tests.support.git_server import ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path


def new_keys(file: Path, *accepted: str) -> CommitKeys:
    """Make a key file where there is none, and read it."""
    create_key_file(file)
    return CommitKeys.read(file, accepted)


def git_verifies(repository: Path, commit: str, allowed: Path) -> bool:
    """Whether `git verify-commit` accepts a commit by a file of allowed signers."""
    options = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    done = subprocess.run(
        ["git", *options, "verify-commit", commit], cwd=repository, env=ENVIRONMENT, capture_output=True, check=False
    )
    return done.returncode == 0


def allowed_signers(file: Path, keys: CommitKeys) -> Path:
    """Write a file of allowed signers with the key that signs."""
    file.write_text(f'reconciler@catalyst.openova.io namespaces="git" {keys.public_key}\n')
    return file
