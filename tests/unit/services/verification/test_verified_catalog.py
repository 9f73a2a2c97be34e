"""The Catalog's rules: what is asked for in which order, and what is refused. Registry and signatures are in memory."""

from __future__ import annotations

import dataclasses
import gzip
import io
import tarfile
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from reconciler.adapters.blob_cache import BlobCache
from reconciler.domain.blueprints.chart_values import values_violations
from reconciler.domain.catalog import ExcludedVersion, VerifiedBlueprint
from reconciler.domain.trust.trust_policies import TrustPolicies
from reconciler.formats.oci_manifest import Descriptor, Manifest, describe, digest_of_bytes
from reconciler.model.artifact import BLUEPRINT_TYPE, CHART_TYPE
from reconciler.model.errors import (
    AccessDeniedError,
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    ReconcilerError,
    UnavailableError,
    UntrustedError,
)
from reconciler.model.lock import TrustEvidence
from reconciler.model.trust import TrustPolicy
from reconciler.services.verification.artifact_verifier import VerifiedArtifact
from reconciler.services.verification.cached_blobs import CachedBlobs
from reconciler.services.verification.verified_catalog import VerifiedCatalog
from tests.support.public_keys import public_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reconciler.adapters.registry.mirrors import MirroredRegistry
    from reconciler.domain.blueprints.helm_chart import HelmChart

HOME = "registry.example/openova"
OTHER = "registry.example/acme"
BLUEPRINT = (
    "apiVersion: catalyst.openova.io/v1\nkind: Blueprint\nmetadata: {{name: {name}}}\nspec: {{version: {version}{more}}}\n"
)
TEMPLATE = {"templates/all.yaml": "kind: ConfigMap\n"}
NEEDY = "name: shop\nversion: 1.0.0\ndependencies: [{name: db, version: 1.x.x}]\n"


def policy(name: str, *authorities: str, artifacts: str = "registry.example/*") -> TrustPolicy:
    return TrustPolicy.model_validate(
        {
            "apiVersion": "catalyst.openova.io/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": name},
            "spec": {"artifacts": [artifacts], "authorities": [{"name": a, "key": public_key(a)} for a in authorities]},
        }
    )


def chart(files: dict[str, str], folder: str = "shop") -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{folder}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


class FakeRegistry:
    """In the registry's and the signature check's place; `told` is what was asked of it, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fault: ReconcilerError | None = None
        self.proof_fault: ReconcilerError | None = None
        self.tagged: dict[str, dict[str, str]] = {}
        self.manifests: dict[str, Manifest] = {}
        self.blobs: dict[str, bytes] = {}
        self.signed: dict[tuple[str, str], str] = {}

    def publish(
        self,
        version: str,
        *,
        name: str = "bp-shop",
        home: str = HOME,
        chart_yaml: str | None = None,
        blueprint: str | None = None,
        inside: bool = False,
        layers: tuple[tuple[str, bytes], ...] = (),
        signers: tuple[str, ...] = ("release",),
        more: str = "",
        files: dict[str, str] | None = None,
    ) -> str:
        document = BLUEPRINT.format(name=name, version=version, more=more) if blueprint is None else blueprint
        held = {"Chart.yaml": chart_yaml or f"apiVersion: v2\nname: {name}\nversion: {version}\n"}
        held |= TEMPLATE if files is None else files
        if inside:
            held["blueprint.yaml"] = document
        content = [(CHART_TYPE, chart(held)), *layers]
        if not inside:
            content.append((BLUEPRINT_TYPE, document.encode()))
        return self.put(f"{home}/{name}", version, tuple(content), signers)

    def put(self, repository: str, version: str, content: tuple[tuple[str, bytes], ...], signers: tuple[str, ...]) -> str:
        layers = tuple(describe(data, kind) for kind, data in content)
        self.blobs |= {digest_of_bytes(data): data for _, data in content}
        raw = repr((repository, version, layers)).encode()
        digest = digest_of_bytes(raw)
        config = describe(b"{}", "x/config")
        self.manifests[digest] = Manifest(digest, raw, "x/manifest", "x/config", config, layers)
        self.tagged.setdefault(repository, {})[version.replace("+", "_")] = digest
        self.signed |= {(digest, public_key(who)): digest_of_bytes(f"{digest} by {who}".encode()) for who in signers}
        return digest

    def tags(self, repository: str) -> tuple[str, ...]:
        self._tell("tags")
        if repository not in self.tagged:
            raise NotFoundError(f"there is no {repository}")
        return tuple(self.tagged[repository])

    def resolve(self, repository: str, tag: str) -> str:
        self._tell("resolve")
        if tag not in self.tagged[repository]:
            raise NotFoundError(f"there is no {repository}:{tag}")
        return self.tagged[repository][tag]

    def blob(self, repository: str, blob: Descriptor, *, limit: int) -> bytes:
        del repository
        self._tell("blob")
        assert blob.size <= limit
        return self.blobs[blob.digest]

    def vouch(
        self, repository: str, digest: str, policies: TrustPolicies, before: Sequence[TrustEvidence] = ()
    ) -> VerifiedArtifact:
        del before
        self.told.append("vouch")
        if self.proof_fault is not None:
            raise self.proof_fault
        by = [(p, a) for p in policies.matching(repository) for a in p.spec.authorities if (digest, a.key) in self.signed]
        if not by:
            raise UntrustedError("signed, but by no accepted key")
        evidence = [
            TrustEvidence(
                policy=one.metadata.name,
                policy_digest=policies.digest_of(one),
                authority=authority.name,
                signature=self.signed[digest, authority.key or ""],
            )
            for one, authority in by
        ]
        return VerifiedArtifact(self.manifests[digest], evidence)

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def depot() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def shelf(depot: FakeRegistry, tmp_path: Path) -> Callable[..., VerifiedCatalog]:
    def make(
        *policies: TrustPolicy, homes: tuple[str, ...] = (HOME, OTHER), fresh: float = 60.0, **extra: Any
    ) -> VerifiedCatalog:
        ask = extra.get("ask", lambda: TrustPolicies(policies or (policy("openova", "release"),)))
        blobs = CachedBlobs(depot.blob, BlobCache(tmp_path / "cache", 1 << 20))
        reverify = extra.get("reverify", 3600.0)
        return VerifiedCatalog(
            homes, ask, cast("MirroredRegistry", depot), depot.vouch, blobs, tag_ttl=fresh, reverify_interval=reverify
        )

    return make


def passed_over(found: VerifiedBlueprint | ExcludedVersion) -> str:
    assert isinstance(found, ExcludedVersion), found
    return f"{found.code}: {found.reason}"


def test_a_signed_blueprint_is_verified_with_its_evidence(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    digest = depot.publish("1.0.0")
    found = shelf().get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint)
    assert (found.blueprint.name, found.artifact) == ("bp-shop", f"oci://{HOME}/bp-shop@{digest}")
    (evidence,) = found.evidence
    assert (evidence.policy, evidence.authority) == ("openova", "release")
    assert evidence.signature == depot.signed[digest, public_key("release")]
    assert found.chart.media_type == CHART_TYPE


def test_nothing_of_an_artifact_is_read_before_its_signature_holds(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]
) -> None:
    depot.publish("1.0.0")
    shelf().get(HOME, "bp-shop", "1.0.0", None)
    assert depot.told == ["resolve", "vouch", "blob", "blob"]


def test_of_an_unsigned_one_nothing_is_read_at_all(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.publish("1.0.0", signers=(), blueprint="!!python/object:os.system", chart_yaml="[")
    reason = passed_over(shelf().get(HOME, "bp-shop", "1.0.0", None))
    assert reason == "Untrusted: signed, but by no accepted key"
    assert depot.told == ["resolve", "vouch"]


def test_a_digest_that_is_known_is_not_asked_for_by_tag(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    digest = depot.publish("1.0.0")
    depot.publish("1.0.0", layers=(("x/other", b"the tag moved"),))
    found = shelf().get(HOME, "bp-shop", "1.0.0", digest)
    assert isinstance(found, VerifiedBlueprint)
    assert found.artifact.endswith(digest)
    assert "resolve" not in depot.told


def test_a_catalog_that_is_not_configured_is_not_asked(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    digest = depot.publish("1.0.0", home="registry.example/removed")
    found = shelf().get("registry.example/removed", "bp-shop", "1.0.0", digest)
    assert passed_over(found) == "Untrusted: registry.example/removed is not a catalog of this Sovereign"
    assert depot.told == []


# Drift, and what else a signature does not make good


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ({"blueprint": BLUEPRINT.format(name="bp-shop", version="1.0.1", more="")}, "its blueprint.yaml describes bp-shop 1.0.1"),
        (
            {"blueprint": BLUEPRINT.format(name="bp-other", version="1.0.0", more="")},
            "its blueprint.yaml describes bp-other 1.0.0",
        ),
        ({"chart_yaml": "name: shop\nversion: 1.0.1\n"}, "its Chart.yaml describes shop 1.0.1"),
        ({"chart_yaml": "name: other\nversion: 1.0.0\n"}, "its Chart.yaml describes other 1.0.0"),
        ({"chart_yaml": "name: shop\nversion: 1.0.0\ntype: library\n"}, "library chart"),
        ({"chart_yaml": "- a\n"}, "its Chart.yaml cannot be read: not a mapping"),
        ({"chart_yaml": "a: ["}, "its Chart.yaml cannot be read"),
        ({"files": {}}, "its chart installs nothing: it has no template that can render anything, and bundles no chart"),
        ({"files": {"templates/_helpers.tpl": "x", "templates/NOTES.txt": "x"}}, "its chart installs nothing"),
        ({"files": {"templates/a.yaml": "{{- /* kind: A */ -}}\n---\n# kind: B\n\n"}}, "its chart installs nothing"),
        ({"files": {"templates/tests/a.yaml": "kind: Pod"}}, "its chart installs nothing"),
        ({"files": {"charts/README.md": "x", "charts/common/values.yaml": "x"}}, "its chart installs nothing"),
        ({"files": {"charts/common/Chart.yaml": "name: common\nversion: 1.0.0\ntype: library\n"}}, "bundles library charts only"),
        ({"chart_yaml": NEEDY}, "its chart lacks dependencies: it declares db and does not bundle it"),
        ({"chart_yaml": NEEDY, "files": {}}, "its chart lacks dependencies: it declares db"),
        (
            {"files": {"requirements.yaml": "dependencies: [{name: db}]", **TEMPLATE}},
            "its chart lacks dependencies: it declares db",
        ),
        ({"blueprint": "kind: ["}, "its blueprint.yaml is not valid"),
        ({"blueprint": "kind: Environment\n"}, "its blueprint.yaml is not valid"),
        ({"layers": ((BLUEPRINT_TYPE, b"x"),)}, "has 2 layers of type"),
        ({"layers": ((CHART_TYPE, b"x"),)}, "has 2 layers of type"),
        ({"more": ", depends: [{blueprint: db, version: latest!}]"}, "not a version range"),
        ({"more": ", configSchema: {$ref: 'https://evil.example/x.json'}"}, "its configSchema cannot be used"),
    ],
)
def test_a_signed_one_that_is_not_what_its_tag_says_is_passed_over(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], published: dict[str, Any], message: str
) -> None:
    depot.publish("1.0.0", **published)
    reason = passed_over(shelf().get(HOME, "bp-shop", "1.0.0", None))
    assert reason.startswith("InvalidBlueprint: ")
    assert message in reason


def test_what_installs_something_is_verified(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    db = {"charts/data/Chart.yaml": "name: db\nversion: 1.2.3\n", "charts/data/templates/a.yaml": "kind: A"}
    for number, files in enumerate(
        [
            {"templates/deep/down/a.yaml": "kind: A"},
            {"templates/a.yaml": "{{ include `common.all` . }}"},
            {"templates/a.txt": "{{/* words */}}\nkind: A"},
            {"crds/a.yaml": "kind: CustomResourceDefinition"},
            db,
        ]
    ):
        version = f"1.{number}.0"
        chart_yaml = NEEDY.replace("1.0.0", version) if files is db else None
        depot.publish(version, files=files, chart_yaml=chart_yaml)
        found = shelf().get(HOME, "bp-shop", version, None)
        assert isinstance(found, VerifiedBlueprint), found
        assert (found.values_chart is not None) == (files is db)


# What the chart says about values


def checks(
    depot: FakeRegistry, catalog: VerifiedCatalog, files: dict[str, str], chart_yaml: str | None = None
) -> tuple[VerifiedBlueprint, HelmChart]:
    depot.publish("1.0.0", files=TEMPLATE | files, chart_yaml=chart_yaml)
    found = catalog.get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint), found
    assert found.values_chart is not None
    return found, found.values_chart


def test_a_schema_comes_with_the_charts_own_values(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    schema = '{"required": ["host"], "properties": {"port": {"type": "integer"}}}'
    found, chart = checks(depot, shelf(), {"values.schema.json": schema, "values.yaml": "port: 80\nhost: x\n"})
    assert (chart.name, chart.values, found.warnings) == ("bp-shop", {"port": 80, "host": "x"}, ())
    assert list(values_violations(chart, {"port": 81})) == []
    assert [(one.path, one.message) for one in values_violations(chart, {"port": "81", "host": None})] == [
        (("host",), "is required, according to the chart bp-shop"),
        (("port",), "must be a whole number, according to the chart bp-shop"),
    ]


def test_charts_inside_are_known_by_alias_with_their_switches(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    main = "{name: db, version: 1.x, alias: main, condition: 'main.on, db.on', tags: [data]}"
    needs = f"[{main}, {{name: db, version: '*', alias: spare}}, {{name: mq, version: ^1, repository: x}}]"
    _, chart = checks(
        depot,
        shelf(),
        {
            "charts/db/Chart.yaml": "name: db\nversion: 1.0.0\n",
            "charts/db/values.yaml": "size: 1\n",
            "charts/db/values.schema.json": '{"properties": {"size": {"type": "integer"}}}',
            "charts/mq/Chart.yaml": "name: mq\nversion: 1.0.0\n",
            "charts/lone/Chart.yaml": "name: lone\nversion: 1.0.0\n",
        },
        NEEDY.replace("[{name: db, version: 1.x.x}]", needs),
    )
    assert [(one.key, one.condition, one.tags) for one in chart.dependencies] == [
        ("main", ("main.on", " db.on"), ("data",)),
        ("spare", (), ()),
        ("mq", (), ()),
    ]
    assert [one.name for one in chart.subcharts] == ["db", "lone", "mq"]
    given = {"main": {"size": "a", "on": False}, "spare": {"size": "b"}, "db": {"size": "c"}}
    assert [one.path for one in values_violations(chart, given)] == [("spare", "size")]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"values.schema.json": "[" * 100_000}, "nested too deep"),
        ({"values.schema.json": '{"$ref": "https://evil.example/x.json"}'}, "is not fetched"),
        ({"values.schema.json": '{"$schema": "https://example.com/own"}'}, "its $schema is none that is known"),
    ],
)
def test_a_schema_that_helm_may_be_able_to_use_is_left_to_it(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], files: dict[str, str], why: str
) -> None:
    depot.publish("1.0.0", files=TEMPLATE | files)
    found = shelf().get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint)
    assert found.values_chart is None
    assert found.warnings[0].startswith("the values.schema.json of the chart bp-shop is left to Helm: ")
    assert why in found.warnings[0]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"values.schema.json": "{"}, "Helm cannot use its values.schema.json: it is not JSON"),
        ({"values.schema.json": "[]"}, "it is not a mapping"),
        ({"values.schema.json": '{"type": "banana"}'}, 'type: "banana" is not'),
        ({"values.schema.json": '{"properties": {"a": {"pattern": "(?!a)"}}}'}, 'properties.a.pattern: "(?!a)" is not a'),
        ({"values.yaml": "- a\n"}, "Helm cannot load it: its values.yaml is not a mapping"),
        ({"values.yaml": "a: ["}, "Helm cannot load it: its values.yaml is not YAML in line 2"),
        ({"charts/dashboards/a.json": "{}"}, "Helm cannot load its subchart charts/dashboards/: Chart.yaml is missing"),
        ({"charts/README.md": "x"}, "Helm cannot load its subchart charts/README.md/: Chart.yaml is missing"),
        ({"charts/db/Chart.yaml": "name: db\n"}, "the version in its Chart.yaml is missing"),
    ],
)
def test_a_chart_that_helm_cannot_load_or_use_is_passed_over(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], files: dict[str, str], why: str
) -> None:
    depot.publish("1.0.0", files=TEMPLATE | files)
    assert why in passed_over(shelf().get(HOME, "bp-shop", "1.0.0", None))


@pytest.mark.parametrize("where", ["values.yaml", "charts/db/values.yaml"])
def test_values_that_are_not_read_are_all_left_to_helm(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], where: str
) -> None:
    files = {
        "values.schema.json": '{"required": ["db"]}',
        "charts/db/Chart.yaml": "name: db\nversion: 1.0.0\n",
        where: "a: {1e99: 1}",
    }
    depot.publish("1.0.0", files=TEMPLATE | files)
    found = shelf().get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint)
    assert found.values_chart is not None
    assert list(values_violations(found.values_chart, {"db": {}})) == []
    assert found.warnings == (f"no values.schema.json is checked: {where} is not read: it has a number as a key",)


def test_values_that_a_chart_imports_are_checked_as_helm_does(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    files = {
        "values.schema.json": '{"properties": {"port": {"maximum": 3}}}',
        "charts/db/Chart.yaml": "name: db\nversion: 1.2.3\n",
        "charts/db/values.yaml": "exports: {data: {port: 9}}\n",
    }
    _, chart = checks(depot, shelf(), files, NEEDY.replace("1.x.x", "1.x.x, import-values: [data]"))
    assert [one.path for one in values_violations(chart, {})] == [("port",)]
    assert list(values_violations(chart, {"port": 2})) == []


def test_an_artifact_without_a_chart_is_passed_over(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.put(f"{HOME}/bp-shop", "1.0.0", ((BLUEPRINT_TYPE, b"x"),), ("release",))
    assert "it contains no Helm chart" in passed_over(shelf().get(HOME, "bp-shop", "1.0.0", None))


def test_a_blueprint_inside_the_chart_will_do(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.publish("1.0.0", inside=True)
    assert isinstance(shelf().get(HOME, "bp-shop", "1.0.0", None), VerifiedBlueprint)


def test_its_own_layer_comes_first(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    layer = (BLUEPRINT_TYPE, BLUEPRINT.format(name="bp-shop", version="1.0.0", more="").encode())
    depot.publish("1.0.0", inside=True, blueprint="kind: [", layers=(layer,))
    assert isinstance(shelf().get(HOME, "bp-shop", "1.0.0", None), VerifiedBlueprint)


def test_a_blueprint_nowhere_is_passed_over(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    content = ((CHART_TYPE, chart({"Chart.yaml": "name: shop\nversion: 1.0.0\n"})),)
    depot.put(f"{HOME}/bp-shop", "1.0.0", content, ("release",))
    assert "it contains no blueprint.yaml" in passed_over(shelf().get(HOME, "bp-shop", "1.0.0", None))


def test_unknown_fields_of_a_published_blueprint_are_warnings(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.publish("1.0.0", more=", colour: blue")
    found = shelf().get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint)
    assert "unknown field spec.colour" in found.warnings[0]


def test_build_metadata_is_an_underscore_in_a_tag(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.publish("1.0.0+build.7")
    catalog = shelf()
    assert catalog.find("bp-shop") == {HOME: ("1.0.0+build.7",)}
    assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0+build.7", None), VerifiedBlueprint)


def test_a_tag_that_went_is_passed_over(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.publish("1.0.0")
    assert passed_over(shelf().get(HOME, "bp-shop", "1.1.0", None)).startswith("InvalidBlueprint: there is no")


# What cannot be told now


@pytest.mark.parametrize("fault", [UnavailableError("no answer"), AccessDeniedError("no"), ConfigurationError("no")])
def test_what_is_outside_passes_through(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], fault: ReconcilerError
) -> None:
    digest = depot.publish("1.0.0")
    depot.fault = fault
    for ask in (
        lambda: shelf().find("bp-shop"),
        lambda: shelf().get(HOME, "bp-shop", "1.0.0", None),
        lambda: shelf().get(HOME, "bp-shop", "1.0.0", digest),
    ):
        with pytest.raises(type(fault)):
            ask()
    depot.fault, depot.proof_fault = None, fault
    with pytest.raises(type(fault)):
        shelf(policy("one", "first", "release")).get(HOME, "bp-shop", "1.0.0", None)


def test_one_catalog_that_does_not_answer_is_not_a_blueprint_less(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]
) -> None:
    depot.publish("1.0.0")
    assert shelf().find("bp-shop") == {HOME: ("1.0.0",)}
    depot.publish("9.0.0", home=OTHER)
    assert set(shelf().find("bp-shop")) == {HOME, OTHER}
    depot.fault = UnavailableError("no")
    with pytest.raises(UnavailableError):
        shelf().find("bp-shop")


# Memory


def test_a_verified_one_is_remembered_under_the_same_policies(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    digest = depot.publish("1.0.0")
    current = [TrustPolicies((policy("openova", "release"),))]
    catalog = shelf(ask=lambda: current[0])
    first = catalog.get(HOME, "bp-shop", "1.0.0", digest)
    depot.told.clear()
    assert catalog.get(HOME, "bp-shop", "1.0.0", digest) is first
    assert depot.told == []
    current[0] = TrustPolicies((policy("openova", "other"),))
    assert passed_over(catalog.get(HOME, "bp-shop", "1.0.0", digest)).startswith("Untrusted")
    assert depot.told == ["vouch"]
    current[0] = TrustPolicies((policy("openova", "release"),))
    assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0", digest), VerifiedBlueprint)


def test_memory_holds_only_what_the_current_policies_accept(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    digest = depot.publish("1.0.0")
    current = [TrustPolicies(())]
    catalog = shelf(ask=lambda: current[0])
    for number in range(20):
        current[0] = TrustPolicies((policy(f"p{number}", "release"),))
        assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0", digest), VerifiedBlueprint)
    assert len(catalog._cache) == 1


def test_a_refusal_is_remembered_for_a_short_while_only(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    digest = depot.publish("1.0.0", signers=())
    patient = shelf()
    for _ in range(3):
        assert isinstance(patient.get(HOME, "bp-shop", "1.0.0", None), ExcludedVersion)
    assert depot.told == ["resolve", "vouch"]
    catalog = shelf(fresh=0.0)
    assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0", None), ExcludedVersion)
    depot.signed[digest, public_key("release")] = digest_of_bytes(b"signed later")
    assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0", None), VerifiedBlueprint)


def test_a_moved_tag_is_followed_when_no_digest_was_decided(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    catalog, steady = shelf(fresh=0.0), shelf()
    first = depot.publish("1.0.0")
    steady.get(HOME, "bp-shop", "1.0.0", None)
    catalog.get(HOME, "bp-shop", "1.0.0", None)
    moved = depot.publish("1.0.0", layers=(("x/other", b"moved"),), signers=())
    assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0", None), ExcludedVersion)
    depot.signed[moved, public_key("release")] = digest_of_bytes(b"signature")
    found = catalog.get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint)
    assert found.artifact.endswith(moved)
    found = steady.get(HOME, "bp-shop", "1.0.0", None)
    assert isinstance(found, VerifiedBlueprint), "all that is asked in one decision speaks of one digest"
    assert found.artifact.endswith(first)


def due(catalog: VerifiedCatalog, seconds: float) -> None:
    """Let time pass."""
    catalog._cache = {
        k: dataclasses.replace(one, verify_after=one.verify_after - seconds, valid_until=one.valid_until - seconds)
        for k, one in catalog._cache.items()
    }


def test_what_was_verified_is_held_against_the_policies_again_when_it_is_due(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]
) -> None:
    digest = depot.publish("1.0.0")
    catalog = shelf(reverify=100.0)
    first = catalog.get(HOME, "bp-shop", "1.0.0", digest)
    assert isinstance(first, VerifiedBlueprint)
    depot.told.clear()
    due(catalog, 79)
    assert catalog.get(HOME, "bp-shop", "1.0.0", digest) is first
    due(catalog, 21)
    assert catalog.get(HOME, "bp-shop", "1.0.0", digest) == first
    assert depot.told == ["vouch"], "only what vouches for it is looked at"
    gone = depot.signed.pop((digest, public_key("release")))
    due(catalog, 100)
    assert passed_over(catalog.get(HOME, "bp-shop", "1.0.0", digest)).startswith("Untrusted")
    depot.signed[digest, public_key("release")] = gone
    due(catalog, 60)
    assert isinstance(catalog.get(HOME, "bp-shop", "1.0.0", digest), VerifiedBlueprint)


@pytest.mark.parametrize("fault", [UnavailableError("no answer"), AccessDeniedError("no")])
def test_an_answer_stands_for_as_long_again_while_there_is_no_other(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], fault: ReconcilerError
) -> None:
    digest = depot.publish("1.0.0")
    catalog = shelf(reverify=100.0)
    first = catalog.get(HOME, "bp-shop", "1.0.0", digest)
    depot.proof_fault = fault
    due(catalog, 110)
    asked = depot.told.count("vouch")
    for _ in range(3):
        assert catalog.get(HOME, "bp-shop", "1.0.0", digest) is first
    assert depot.told.count("vouch") == asked + 1, "it is not asked again at once"
    due(catalog, 95)
    with pytest.raises(type(fault)):
        catalog.get(HOME, "bp-shop", "1.0.0", digest)


def test_lists_of_tags_are_remembered_for_a_while_and_then_forgotten(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]
) -> None:
    depot.publish("1.0.0")
    long, short = shelf(homes=(HOME,)), shelf(homes=(HOME,), fresh=0.0)
    for catalog in (long, short):
        for _ in range(3):
            catalog.find("bp-shop")
    assert depot.told == ["tags"] * 4
    depot.publish("1.1.0")
    assert (long.find("bp-shop"), short.find("bp-shop")) == ({HOME: ("1.0.0",)}, {HOME: ("1.0.0", "1.1.0")})
    for number in range(50):
        short.find(f"bp-nothing-{number}")
    assert len(short._listings) <= 2


def test_blobs_are_fetched_once_and_damage_in_the_cache_is_noticed(
    depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog], tmp_path: Path
) -> None:
    depot.publish("1.0.0")
    shelf().get(HOME, "bp-shop", "1.0.0", None)
    depot.told.clear()
    assert isinstance(shelf().get(HOME, "bp-shop", "1.0.0", None), VerifiedBlueprint)
    assert "blob" not in depot.told
    for file in (f for f in (tmp_path / "cache").rglob("*") if f.is_file()):
        file.write_bytes(b"damaged")
    assert isinstance(shelf().get(HOME, "bp-shop", "1.0.0", None), VerifiedBlueprint)
    assert depot.told.count("blob") == 2


def test_a_corrupt_artifact_is_that_artifacts_fault(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    depot.publish("1.0.0")
    depot.fault = IntegrityError("other content")
    assert passed_over(shelf().get(HOME, "bp-shop", "1.0.0", None)) == "InvalidBlueprint: other content"


def test_threads_share_a_catalog(depot: FakeRegistry, shelf: Callable[..., VerifiedCatalog]) -> None:
    for number in range(10):
        depot.publish(f"1.{number}.0")
    catalog, found = shelf(), list[VerifiedBlueprint | ExcludedVersion]()

    def ask() -> None:
        found.extend(catalog.get(HOME, "bp-shop", version, None) for version in catalog.find("bp-shop")[HOME])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert all(isinstance(one, VerifiedBlueprint) for one in found)
