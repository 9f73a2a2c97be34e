"""What all Environments of a process share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.bootstrap.runtime import Runtime
from reconciler.config.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_all_environments_of_a_process_share_what_they_claim(tmp_path: Path) -> None:
    trust = {"directory": tmp_path}
    named = [{"name": "acme-prod", "url": "file:///a"}, {"name": "acme-stg", "url": "file:///b"}]
    runtime = Runtime(Settings(sovereign="demo", state=tmp_path, catalogs=[{"prefix": "x/y"}], trust=trust, environments=named))
    try:
        found = runtime.targets()
        claims = {runtime.environment_pass(one)._reconciler._claim for one in found.values()}
    finally:
        runtime.close()
    assert {one._repository for one in claims} == set(runtime._claims._names) == {one.display_name for one in found.values()}
    assert {one._registry for one in claims} == {runtime._claims}
