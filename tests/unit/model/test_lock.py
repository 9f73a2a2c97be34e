"""The lock's format: what is in it, what is absent from it, and what its digests cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.domain.rendering.flux_objects import RenderContext, render
from reconciler.domain.validation.document_parser import parse_document
from reconciler.formats.yaml.documents import dump, load
from reconciler.model.labels import ENTRY_ANNOTATION
from reconciler.model.layout import LOCK_FILE
from reconciler.model.lock import EnvironmentLock, LockedSovereign, Package, Removal, entry_digest, sealed
from reconciler.model.release import (
    DriftException,
    DriftSettings,
    DriftTarget,
    HealthCheck,
    ObjectMetadata,
    ReleaseSettings,
    ValuesReference,
)
from tests.support.builders import FSN, NBG, lock_of, package, sha

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY_SETTING = ReleaseSettings(
    object="bp-shop",
    name="shop-release",
    namespace="kube-system",
    namespace_metadata=ObjectMetadata(labels={"a": "b"}, annotations={"c": "d"}),
    create_namespace=False,
    storage_namespace="storage",
    interval="15m",
    timeout="1h",
    wait=False,
    crds="Skip",
    retries=0,
    health_checks=[HealthCheck(api_version="a/v1", kind="A", current="true", in_progress="false", failed="false")],
    drift=DriftSettings(mode="warn", ignore=[DriftException(paths=["/spec/replicas"], target=DriftTarget(kind="Deployment"))]),
    service_account="tenant",
)
# Each field that decides what happens, with a value that it does not have by default.
DECIDING: dict[str, Any] = {
    "artifact": f"oci://registry.example/openova/bp-shop@{sha('other')}",
    "blueprint": "bp-other",
    "depends_on": ["db"],
    "ordered_after": ["db"],
    "placements": [NBG],
    "suspend": True,
    "values": {"a": None},
    "values_from": [ValuesReference(kind="Secret", name="shop", key="k", target_path="a.b", optional=True)],
    "version": "1.0.1",
}
OF_THE_LOCK: dict[str, Any] = {
    "flux_namespace": "gitops",
    "organization": "other",
    "sovereign": LockedSovereign(name="other", interval="10m", timeout="5m"),
}


def written(lock: EnvironmentLock) -> Mapping[str, Any]:
    return lock.model_dump(mode="json", by_alias=True)


def read(text: bytes) -> EnvironmentLock:
    lock, problems = parse_document(load(text, LOCK_FILE), EnvironmentLock)
    assert lock is not None, problems
    return lock


def test_an_optional_field_without_a_value_is_absent() -> None:
    lock = written(lock_of(package("shop")))
    assert sorted(lock) == [
        "apiVersion", "fluxNamespace", "kind", "metadata", "organization", "packages", "placements", "sovereign",
    ]  # fmt: skip
    assert sorted(lock["packages"][0]) == [
        "application", "artifact", "blueprint", "chart", "dependsOn", "entry", "evidence", "placements", "requiredBy", "suspend",
        "values", "version",
    ]  # fmt: skip
    assert lock["packages"][0]["chart"].keys() == {"digest", "mediaType"}


def test_settings_that_say_nothing_give_the_bytes_of_none_at_all() -> None:
    nothing = ReleaseSettings(
        namespace_metadata=ObjectMetadata(labels={}), health_checks=[], drift=DriftSettings(ignore=[]), wait=None
    )
    silent = package("shop", release=nothing, values_from=[], ordered_after=[], at_least=None)
    assert dump(written(sealed(lock_of(silent)))) == dump(written(sealed(lock_of(package("shop")))))


def test_everything_comes_back_from_yaml_as_it_was() -> None:
    removal = Removal(
        application="old",
        blueprint="bp-old",
        version="1.0.0",
        placements=[FSN],
        flux_namespace="flux-system",
        release=EVERY_SETTING,
        entry=sha("old"),
    )
    shop = package("shop", **DECIDING, release=EVERY_SETTING, at_least="1.0.1")
    shop = shop.model_copy(update={"chart": shop.chart.model_copy(update={"name": "shop"})})
    lock = sealed(lock_of(shop)).model_copy(update={"removing": [removal]})
    text = dump(written(lock))
    assert read(text) == lock
    assert dump(written(read(text))) == text


@pytest.mark.parametrize("field", DECIDING)
def test_the_entry_covers_each_field_of_the_package_that_decides(field: str) -> None:
    one, other = package("shop"), package("shop", **{field: DECIDING[field]})
    assert entry_digest(lock_of(one), one) != entry_digest(lock_of(other), other)


@pytest.mark.parametrize("field", ReleaseSettings.model_fields)
def test_the_entry_covers_each_setting_of_the_release(field: str) -> None:
    one, other = package("shop"), package("shop", release=ReleaseSettings(**{field: getattr(EVERY_SETTING, field)}))
    assert entry_digest(lock_of(one), one) != entry_digest(lock_of(other), other)


@pytest.mark.parametrize("field", OF_THE_LOCK)
def test_the_entry_covers_what_the_lock_says_of_all(field: str) -> None:
    one = package("shop")
    assert entry_digest(lock_of(one).model_copy(update={field: OF_THE_LOCK[field]}), one) != entry_digest(lock_of(one), one)


def test_the_entry_covers_nothing_that_decides_nothing() -> None:
    one = package("shop")
    other = package("shop", evidence=[one.evidence[0].model_copy(update={"signature": sha("anew")})], at_least="1.0.0")
    assert entry_digest(lock_of(one), one) == entry_digest(lock_of(other), other)


def test_every_field_of_a_package_is_known_to_decide_or_not_to() -> None:
    others = {
        "application",
        "chart",
        "entry",
        "evidence",
        "at_least",
        "required_by",
        "release",
    }  # the others have tests above
    assert set(Package.model_fields) == others | set(DECIDING)


plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2)
packages = st.builds(
    lambda fields: package("shop", **fields),
    st.fixed_dictionaries(
        {},
        optional={
            **{field: st.just(value) for field, value in DECIDING.items()},
            "values": st.dictionaries(st.text("ab", max_size=1), plain, max_size=2),
            "release": st.builds(
                ReleaseSettings,
                interval=st.sampled_from([None, "10m", "1h"]),
                timeout=st.sampled_from([None, "5m", "1h"]),
                object=st.sampled_from([None, "shop", "bp-shop"]),
                name=st.sampled_from([None, "other"]),
                namespace=st.sampled_from([None, "kube-system"]),
            ),
        },
    ),
)
locks = st.builds(
    lambda one, header: lock_of(one).model_copy(update=header),
    packages,
    st.fixed_dictionaries({}, optional={field: st.just(value) for field, value in OF_THE_LOCK.items()}),
)


def rendered(lock: EnvironmentLock) -> Any:
    """What is rendered of a lock, without the entries and the sources' registry settings."""
    tree = render(lock, RenderContext(sovereign="", keys={}))
    documents = [document for path, found in tree.items() if path != LOCK_FILE for document in found]
    for document in documents:
        document.get("metadata", {}).get("annotations", {}).pop(ENTRY_ANNOTATION, None)
    return documents


@given(locks, locks)
def test_what_is_rendered_differently_has_another_entry(one: EnvironmentLock, other: EnvironmentLock) -> None:
    if rendered(one) != rendered(other):
        assert entry_digest(one, one.packages[0]) != entry_digest(other, other.packages[0])


OLDER = {"apiVersion": "catalyst.openova.io/v1alpha1", "metadata": {"name": "acme-prod"}}


@pytest.mark.parametrize(
    "data",
    [
        OLDER | {"organization": "acme"},
        OLDER | {"packages": [package("shop", release=EVERY_SETTING).model_dump(by_alias=True)]},
        OLDER | {"packages": [package("shop", ordered_after=["db"]).model_dump(by_alias=True)]},
        {"metadata": {"name": "acme-prod"}},
        {"metadata": {"name": "acme-prod"}, "organization": "acme", "placements": []},
    ],
)
def test_a_lock_has_the_fields_of_its_format_and_no_others(data: dict[str, Any]) -> None:
    assert EnvironmentLock.model_validate(OLDER).api_version == OLDER["apiVersion"]
    with pytest.raises(ValidationError, match="a lock of v1alpha"):
        EnvironmentLock.model_validate(data)
