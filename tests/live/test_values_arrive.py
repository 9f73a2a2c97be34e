"""What is accepted arrives unchanged: values are written as in a HelmRelease, and sent through kustomize and Helm.

A sample of them goes the whole way once: a document on Gitea, the lock, Flux, the API server, helm-controller, a template.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.domain.validation.lost_values import MAX_KEY, find_lost_values
from reconciler.formats.yaml.documents import MAX_DEPTH, dump
from tests.live.support.environment import LiveEnvironment, Servers, blueprint
from tests.live.support.oracles import SHOWING, number
from tests.support.lost_values import LOST

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.support.oracles import Oracles

_ODD = "\x00\x07\x1b\t\n\r\x7e\x7f\x80\x85\x93\x9f\xa0\u2028\u2029\ud7ff\ue000\ufdd0\ufeff\ufffd\ufffe\uffff\U0001fffe\U0010ffff"
_ODD += " :#-?!&*|>'\"%@`{}[],=~<\\$"
_TEXTS = st.one_of(
    st.text(st.sampled_from(_ODD + "ay01.e_"), max_size=8),
    st.text(max_size=8),
    st.sampled_from(["<<", "=", "---", "...", "x" * 3000, "a b " * 800]),
    st.sampled_from(["yes", "0644", "1_0", "1e3", "null", "~", ".inf", "2001-01-01"]),
)
_NUMBERS = st.one_of(
    st.integers(-(2**64), 2**64),
    st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63)]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_KEYS = _TEXTS | st.sampled_from(["k" * MAX_KEY, "\x00" * MAX_KEY, "\U0001f600" * MAX_KEY, "'" * MAX_KEY, '"\n' * 60])
VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


def sent(oracles: Oracles, values: dict[str, Any]) -> Any:
    """The values of a HelmRelease as a chart's templates have them; None when something on the way refuses them."""
    return oracles.send(
        dump(
            {
                "apiVersion": "helm.toolkit.fluxcd.io/v2",
                "kind": "HelmRelease",
                "metadata": {"name": "web", "namespace": "web"},
                "spec": {"values": values},
            }
        )
    )


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(_KEYS, VALUES, min_size=1, max_size=4))
def test_what_is_accepted_arrives_unchanged(oracles: Oracles, values: dict[str, Any]) -> None:
    accepted = {key: value for key, value in values.items() if not list(find_lost_values({key: value}))}
    assert sent(oracles, accepted) == accepted


@pytest.mark.parametrize("data", [data for data, _, _ in LOST if MAX_KEY + 1 not in map(len, data)])
def test_what_is_refused_would_not_have_arrived_or_is_at_the_limit(oracles: Oracles, data: dict[str, Any]) -> None:
    is_power = any(abs(value) in {2**53, 2**63} for value in data.values() if isinstance(value, int))
    assert sent(oracles, data) != data or is_power  # which a float64 has, and its neighbours not


def test_what_is_nested_as_deep_as_a_document_may_be_arrives(oracles: Oracles) -> None:
    values: dict[str, Any] = {}
    for _ in range(MAX_DEPTH):
        values = {"a": [values]} if len(str(values)) % 3 else {"b": values}
    assert sent(oracles, values) == values


def sample(number: int) -> list[Any]:
    """Some accepted values, the same at each run."""
    samples: list[Any] = []

    @settings(max_examples=number, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(VALUES)
    def collect(value: Any) -> None:
        if not list(find_lost_values({"samples": [value]})):
            samples.append(value)

    collect()
    return samples


@pytest.mark.live
def test_a_document_arrives_at_a_chart_on_a_cluster_as_it_is(servers: Servers, tmp_path: Path) -> None:
    stage = LiveEnvironment(servers, tmp_path, "valued", f"{servers.registry}/valued")
    folder = blueprint(tmp_path / "shown", "bp-shown")
    (folder / "chart" / "templates" / "shown.yaml").write_text(SHOWING)
    servers.publish(stage.prefix, folder)
    samples = sample(200)
    assert len(samples) > 100
    stage.connect()
    documents: dict[str, bytes | None] = {
        "environment.yaml": stage.environment(),
        "applications/shown.yaml": stage.application("shown", "bp-shown", config={"samples": samples}),
    }
    with stage.running():
        stage.ready(stage.push(documents))
    arrived = stage.on.core.read_namespaced_config_map("x", "shown").data
    assert arrived is not None
    assert json.loads(base64.b64decode(arrived["values"]), parse_int=number)["samples"] == samples
