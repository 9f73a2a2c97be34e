"""A pass is killed at many points of its life; the next one finishes its job, and commits nothing twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.contract.services.reconcile.killed_passes import reconciliation
from tests.support.environment_files import application, files
from tests.support.git_server import bare, commit, git
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

POINTS = 16


def mortal(folder: Path, *points: int) -> str:
    program = [sys.executable, "-m", "tests.contract.services.reconcile.killed_passes", str(folder), *map(str, points)]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def trees(origin: Path, branch: str) -> list[str]:
    found = git(origin, "for-each-ref", f"refs/heads/{branch}")
    return git(origin, "log", "--format=%T", branch, "--").splitlines() if found else []


@pytest.mark.parametrize("first", [True, False])
def test_a_pass_killed_anywhere_is_finished_by_the_next_without_a_double_commit(tmp_path: Path, first: bool) -> None:
    start = tmp_path / "start"
    origin = bare(start / "env.git")
    commit(origin, "main", files("shop"))
    if not first:
        reconciliation(start).run(wait=1)
        commit(origin, "main", files() | {"applications/shop.yaml": application("shop", version="1.0.0")})
    shutil.copytree(start, tmp_path / "whole")
    _, *pushed = map(int, mortal(tmp_path).split())
    # A pass makes a few calls more or less each time: only the last point may lie behind its end, which is as good.
    last = pushed[-1] - 10
    spread = {1 + number * (last - 1) // (POINTS - 1) for number in range(POINTS)}
    points = sorted(spread | {(pushed[0] + pushed[-1]) // 2, pushed[0], pushed[-1]})
    for point in points:
        shutil.copytree(start, tmp_path / str(point))
    mortal(tmp_path, *points)
    wanted = {branch: trees(tmp_path / "whole" / "env.git", branch) for branch in ("main", "resolved")}
    seen = set()
    for point in points:
        here = tmp_path / str(point)
        seen.add((len(trees(here / "env.git", "resolved")), len(trees(here / "env.git", "status"))))
        again = reconciliation(here)
        again.run(wait=1)
        for branch, expected in wanted.items():
            assert trees(here / "env.git", branch) == expected
        statuses = trees(here / "env.git", "status")
        assert len(statuses) == len(trees(tmp_path / "whole" / "env.git", "status"))
        assert all(one != two for one, two in pairwise(statuses))
        assert again.run(wait=1).pushed == ()
    assert len(seen) == 3, "some died before any push, some between the two pushes, some after both"
