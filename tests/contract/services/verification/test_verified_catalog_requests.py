"""How often a registry is asked: a pass that knows everything asks nothing but for tags, and that only when they are due."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import re
import tarfile
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from reconciler.adapters.blob_cache import BlobCache
from reconciler.adapters.git import Repository
from reconciler.adapters.registry.client import Registry
from reconciler.adapters.registry.mirrors import MirroredRegistry
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.formats.oci_manifest import INDEX_TYPE, MANIFEST_TYPE, digest_of_bytes
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE
from reconciler.model.trust import PREDICATE, TrustPolicy
from reconciler.services.planning.context import ReconcileContext
from reconciler.services.repository.branches import EnvironmentBranches
from reconciler.services.verification.artifact_verifier import verify_artifact
from reconciler.services.verification.cached_blobs import CachedBlobs
from reconciler.services.verification.verified_catalog import VerifiedCatalog
from tests.support.environment_files import application, environment, passes
from tests.support.environments import AROUND, EnvironmentOnDisk
from tests.support.public_keys import public_key
from tests.support.registry_server import HostileRegistry, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.trust import Signer
    from reconciler.services.verification.signatures import SignatureVerifier

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
POLICY = {
    "apiVersion": "catalyst.openova.io/v1alpha1",
    "kind": "TrustPolicy",
    "metadata": {"name": "openova"},
    "spec": {
        "artifacts": ["*"],
        "authorities": [{"name": "release", "key": public_key("release")}],
    },
}


class AnySignature:
    """In cosign's place: every signature that there is holds."""

    def verify_bundle(self, bundle: bytes, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        return bool(bundle and digest and signer.key and predicate_type == PREDICATE)


class CountingRegistry:
    """What a registry holds, by the path it is asked for."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self._tags: dict[str, list[str]] = {}

    def __call__(self, request: Request) -> Reply:
        return self.replies.get(request.path.partition("?")[0], Reply(status=404))

    def publish(self, name: str, version: str, *depends: str, signed: bool = True) -> None:
        spec = {"version": version, "depends": list(depends)}
        document = {"apiVersion": "catalyst.openova.io/v1", "kind": "Blueprint", "metadata": {"name": name}, "spec": spec}
        layers = ((json.dumps(document).encode(), BLUEPRINT_TYPE), (_chart(name, version), CHART_TYPE))
        digest = self._put(name, *layers)
        self.replies[f"/v2/home/{name}/manifests/{version}"] = self.replies[f"/v2/home/{name}/manifests/{digest}"]
        tags = self._tags.setdefault(name, [])
        tags.append(version)
        self.replies[f"/v2/home/{name}/tags/list"] = Reply(body=json.dumps({"name": name, "tags": tags}).encode())
        bundles = [self._put(name, (f"signature of {digest}".encode(), BUNDLE_TYPE))] if signed else []
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [{"digest": one, "size": 1, "mediaType": MANIFEST_TYPE} for one in bundles],
        }
        self.replies[f"/v2/home/{name}/referrers/{digest}"] = Reply(body=json.dumps(index).encode())

    def _put(self, name: str, *layers: tuple[bytes, str]) -> str:
        self.replies |= {f"/v2/home/{name}/blobs/{digest_of_bytes(data)}": Reply(body=data) for data, _ in layers}
        manifest = {
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "x/config", "digest": digest_of_bytes(b"{}"), "size": 2},
            "layers": [{"digest": digest_of_bytes(data), "size": len(data), "mediaType": kind} for data, kind in layers],
        }
        raw = json.dumps(manifest).encode()
        self.replies[f"/v2/home/{name}/manifests/{digest_of_bytes(raw)}"] = Reply(body=raw)
        return digest_of_bytes(raw)


def _chart(name: str, version: str) -> bytes:
    files = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", "templates/all.yaml": "kind: ConfigMap\n"}
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


class WarmSetting:
    """Two Environments, a registry that keeps count, and processes that come and go."""

    def __init__(self, folder: Path, server: HostileRegistry, shop: CountingRegistry) -> None:
        self.shop, self.stages, self.cache = (
            shop,
            (EnvironmentOnDisk(folder / "first"), EnvironmentOnDisk(folder / "second")),
            folder / "cache",
        )
        self._server = server
        self.start()

    def start(self) -> None:
        """As after a restart: what is on disk is all that is known."""
        host = self._server.host
        registry = Registry(plain_http=[host], attempts=1, timeout=5)
        policies = TrustPolicies((TrustPolicy.model_validate(POLICY),))
        mirrored = MirroredRegistry(registry, {})
        blobs = CachedBlobs(mirrored.blob, BlobCache(self.cache, 1 << 20))
        judged = partial(verify_artifact, mirrored, blobs, cast("SignatureVerifier", AnySignature()))
        self._catalog = VerifiedCatalog([f"{host}/home"], lambda: policies, mirrored, judged, blobs, tag_ttl=3600.0)
        self._passes = []
        for stage in self.stages:
            world = ReconcileContext(self._catalog, stage.fleet, lambda: policies, lambda _: AROUND)
            branches = EnvironmentBranches(Repository(stage.folder / "clone", stage.origin.as_uri()))
            self._passes.append(passes(stage.identity, branches, world))

    def due(self) -> None:
        """Let the time pass after which tags are looked at again."""
        listings, digests = self._catalog._listings, self._catalog._digests
        self._catalog._digests = {tag: (digest, at - 7200) for tag, (digest, at) in digests.items()}
        self._catalog._listings = {name: dataclasses.replace(one, at=one.at - 7200) for name, one in listings.items()}

    def push(self, *applications: str, stage: int = 0, suspend: bool = False) -> None:
        """Push Applications, each `name` or `name=blueprint`."""
        more = f"  suspend: {str(suspend).lower()}\n"
        pairs = ((name, blueprint or name) for name, _, blueprint in (one.partition("=") for one in applications))
        content = {f"applications/{name}.yaml": application(name, f"bp-{blueprint}", more=more) for name, blueprint in pairs}
        self.stages[stage].push({"environment.yaml": environment(), **content})

    def run(self, stage: int = 0) -> Counter[str]:
        """Make a pass; what it asked the registry for, and how often, with digests left out."""
        before = len(self._server.requests)
        outcome = self._passes[stage].run(wait=1)
        assert outcome.blocker is None
        asked = (r.path.removeprefix("/v2/home/").partition("?")[0] for r in self._server.requests[before:])
        return Counter(re.sub(r"sha256[:-][0-9a-f]{64}", "DIGEST", path) for path in asked)


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[WarmSetting]:
    shop = CountingRegistry()
    shop.publish("bp-shop", "1.0.0", "bp-db")
    shop.publish("bp-db", "1.0.0")
    shop.publish("bp-mail", "1.0.0")
    with HostileRegistry(shop) as server:
        yield WarmSetting(tmp_path, server, shop)


def of(asked: Counter[str], what: str) -> dict[str, int]:
    """How often something was asked for, by Blueprint."""
    return {path.partition("/")[0]: count for path, count in asked.items() if path.partition("/")[2] == what}


def each(count: int) -> dict[str, int]:
    return dict.fromkeys(("bp-shop", "bp-db", "bp-mail"), count)


def test_a_first_pass_lists_tags_once_and_fetches_each_content_once(setting: WarmSetting) -> None:
    setting.push("shop", "mail")
    asked = setting.run()
    assert of(asked, "tags/list") == each(1)
    assert of(asked, "blobs/DIGEST") == each(3), "the chart, the blueprint.yaml and the signature"


def test_a_warm_pass_asks_nothing_whether_tags_are_due_or_not(setting: WarmSetting) -> None:
    setting.push("shop", "mail")
    setting.run()
    for suspend in (True, False):
        assert setting.run() == Counter()
        setting.push("shop", "mail", suspend=suspend)
        assert setting.run() == Counter(), "a commit that moves nothing"
        setting.shop.publish("bp-shop", "1.1.0", "bp-db", signed=suspend)
        setting.due()
        assert setting.run() == Counter()


def test_a_commit_that_looks_for_a_version_lists_its_tags_once_and_only_when_due(setting: WarmSetting) -> None:
    setting.push("shop", "mail")
    setting.run()
    setting.push("shop", "mail", "post=mail")
    assert setting.run() == Counter(), "what the tag points at is known for a while"
    setting.due()
    setting.push("shop", "mail", "post=mail", "letters=mail")
    asked = setting.run()
    assert set(asked) == {"bp-mail/tags/list", "bp-mail/manifests/1.0.0"}
    assert of(asked, "tags/list") == {"bp-mail": 1}


def test_environments_share_what_is_known(setting: WarmSetting) -> None:
    setting.push("shop", "mail")
    setting.run()
    setting.push("shop", "mail", stage=1)
    assert setting.run(1) == Counter(), "no list, no tag, no content, no signature"
    assert setting.run(1) == Counter()


def test_after_a_restart_no_content_is_fetched_again(setting: WarmSetting) -> None:
    setting.push("shop", "mail")
    setting.run()
    setting.start()
    asked = setting.run()
    assert {path.partition("/")[2] for path in asked} == {"manifests/DIGEST", "referrers/DIGEST"}


def test_what_was_damaged_on_disk_is_fetched_once_more(setting: WarmSetting) -> None:
    setting.push("shop", "mail")
    setting.run()
    for file in setting.cache.iterdir():
        file.write_bytes(b"damaged")
    for fetched in (each(3), {}):
        setting.start()
        assert of(setting.run(), "blobs/DIGEST") == fetched


def test_a_cache_that_cannot_be_written_fails_no_pass(setting: WarmSetting) -> None:
    setting.cache.write_bytes(b"in its way")
    setting.push("shop", "mail")
    assert of(setting.run(), "blobs/DIGEST") == each(3)
    assert setting.run() == Counter(), "what is in memory is still there"
    setting.start()
    assert of(setting.run(), "blobs/DIGEST") == each(3)
