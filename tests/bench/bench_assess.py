"""How long one judgement takes. By hand: python3 deploy/sandbox python tests/bench/bench_assess.py

Goal: `assess` <= 20 us each, over releases that are ready, that wait, that fail and that are not there.
"""

from __future__ import annotations

import time
import timeit
from functools import partial
from typing import Any

from reconciler.adapters.kubernetes.release_projection import project
from reconciler.domain.readiness.assessment import ExpectedRelease, assess
from reconciler.model.canonical import release_digest
from reconciler.model.observation import Observation

DIGEST = "sha256:" + "a" * 64
ENTRY = ExpectedRelease(
    application="shop",
    release="shop",
    cluster="hz-fsn-rtz-prod-acme",
    namespace="flux-system",
    version="1.3.0",
    digest=DIGEST,
    entry="sha256:" + "e" * 64,
    committed=time.time(),
    release_digest=release_digest({"spec": {"values": {"replicas": 3}}}),
)


def release(*conditions: tuple[str, str, str]) -> dict[str, Any]:
    said = [{"type": t, "status": s, "reason": r, "message": f"{r}: so", "observedGeneration": 3} for t, s, r in conditions]
    snapshot = {"status": "deployed", "ociDigest": DIGEST, "chartVersion": "1.3.0+aaaaaaaaaaaa", "configDigest": "sha256:c"}
    return {
        "metadata": {
            "name": "shop",
            "namespace": "flux-system",
            "uid": "u",
            "generation": 3,
            "labels": {"app.kubernetes.io/managed-by": "catalyst-reconciler"},
            "annotations": {"catalyst.openova.io/entry": ENTRY.entry},
        },
        "spec": {"values": {"replicas": 3}},
        "status": {
            "observedGeneration": 3,
            "conditions": said,
            "history": [snapshot],
            "lastAttemptedConfigDigest": "sha256:c",
        },
    }


def main() -> None:
    """Print the time of one judgement of each kind."""
    cases = {
        "ready": release(("Ready", "True", "UpgradeSucceeded"), ("Released", "True", "UpgradeSucceeded")),
        "waiting": release(("Ready", "False", "DependencyNotReady")),
        "failing": release(("Ready", "False", "UpgradeFailed"), ("Released", "False", "UpgradeFailed"), ("Stalled", "True", "X")),
        "absent": None,
    }
    for name, one in cases.items():
        seen = Observation(listed=True, age=1.0, release=project(one)[1] if one else None)
        judge = partial(assess, ENTRY, seen, time.time())
        verdict, timer = judge(), timeit.Timer(judge)
        best = min(timer.repeat(5, 10_000)) / 10_000 * 1e6
        met = "met" if best <= 20 else "MISSED"
        print(f"assess, {name:8} (row {verdict.row:2})  {best:6.1f} us   goal <= 20 us   {met}")


if __name__ == "__main__":
    main()
