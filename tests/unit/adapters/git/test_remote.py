"""What is shown of what a git server says."""

from __future__ import annotations

import pygit2
import pytest

from reconciler.adapters.git.remote import Remote
from reconciler.model.errors import UnavailableError
from reconciler.model.git import GitCredentials


@pytest.mark.parametrize("said", ["canary", "a2VlcGVyOmNhbmFyeQ=="])
def test_a_password_that_a_server_says_back_is_not_shown(said: str) -> None:
    error = pygit2.GitError(f"invalid content-type: 'Basic {said}'")
    error.error_class = 34  # type: ignore[attr-defined]  # HTTP, as libgit2 has it
    fault = Remote("http://gitea.example/a/b.git", GitCredentials("keeper", "canary"))._error_from(error)
    assert isinstance(fault, UnavailableError)
    assert fault.message.endswith("invalid content-type: 'Basic ...'")
