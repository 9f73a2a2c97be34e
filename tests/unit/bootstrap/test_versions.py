"""The version of cosign, asked of programs that do not answer as they should; the others stand in `unit/cli/test_app.py`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reconciler.bootstrap.versions import cosign_version
from reconciler.model.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cosign_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
    program = tmp_path / "cosign"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(UnavailableError, match=r"cosign version .*0\.3"):
        cosign_version(timeout=0.3)
