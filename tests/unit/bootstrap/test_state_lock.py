"""A state directory belongs to one process at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.bootstrap.state_lock import state_lock
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_state_directory_is_one_processes_at_a_time(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    with (
        state_lock(state),
        pytest.raises(ConfigurationError, match=f"another reconciler uses the state directory {state}"),
        state_lock(state),
    ):
        pass
    with state_lock(state):
        assert state.stat().st_mode & 0o077 == 0


def test_a_state_directory_that_cannot_be_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"), state_lock(tmp_path / "file" / "state"):
        pass
