"""Charts, values and schemas are read as Helm reads them: the helm binary, in the version that Flux contains, is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.domain.blueprints.chart_reader import read_chart
from reconciler.domain.blueprints.chart_values import values_violations
from reconciler.domain.blueprints.helm_chart import chart_defects
from reconciler.domain.blueprints.helm_coalescing import coalesced_values
from reconciler.formats.helm_archive import read_archive
from reconciler.formats.yaml.documents import load
from reconciler.model.errors import IntegrityError
from tests.live.support.oracles import with_shown_values
from tests.support.chart_archives import CONFIG_MAP, packed

if TYPE_CHECKING:
    from tests.live.support.oracles import Oracles

D4, D6, D7 = (f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 6, 7))
D19, D20 = "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"


def ours(files: dict[str, str | bytes], values: dict[str, Any]) -> list[str]:
    """What the product has against a chart and values; empty for nothing."""
    try:
        chart, _ = read_chart(read_archive(packed(with_shown_values(files))))
    except IntegrityError as error:
        return [error.message]
    return [*chart_defects(chart), *(f"{violation.path} {violation.message}" for violation in values_violations(chart, values))]


def assert_as_helm(oracles: Oracles, files: dict[str, str | bytes], values: dict[str, Any] | None = None) -> None:
    """The product accepts what Helm accepts and refuses what it refuses; what it accepts has the same values."""
    values = values or {}
    answer = oracles.ask_helm(packed(with_shown_values(files)), values)
    against = ours(files, values)
    assert bool(against) == bool(answer.refusal), (files, values, answer.refusal, against)
    if answer.values is not None:
        chart, _ = read_chart(read_archive(packed(with_shown_values(files))))
        coalesced = coalesced_values(chart, values)[1]
        coalesced.pop("global", None)
        assert coalesced == answer.values, (files, values)


def schema(body: Any, draft: str | None = None) -> dict[str, str | bytes]:
    return {"values.schema.json": json.dumps({"$schema": draft, **body} if draft else body)}


def of_a(rules: dict[str, Any], draft: str | None = None) -> dict[str, str | bytes]:
    return schema({"properties": {"a": rules}}, draft)


LOADING: list[dict[str, str | bytes]] = [
    {},
    {"charts/dashboards/a.json": "{}"},
    {"charts/README.md": "x"},
    {"charts/.hidden": "x", "charts/_folder/a": "x", "charts/db.tgz.prov": "x"},
    {"charts/db/Chart.yaml": "apiVersion: v2\nname: db\n"},
    {"charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "charts/db/values.yaml": "[]"},
    {"charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n", "charts/db/charts/x/y": ""},
    {"values.yaml": "- a\n"},
    {"values.yaml": "a"},
    {"values.yaml": ""},
    {"values.yaml": "# nothing\n"},
    {"values.yaml": "null\n"},
    {"values.yaml": "a: [\n"},
    {"values.yaml": "a: 1\na: 2\n"},
    {"values.yaml": "a: 1\t# two\nb:\t2\n"},
    {"values.yaml": "a: .inf\n"},
    {"values.yaml": b"\xef\xbb\xbfa: 1\n"},
    {"values.yaml": b"a: \xff\n"},
    {"values.yaml": "? [a]\n: 1\n"},
    {"values.yaml": "~: 1\n"},
    {"values.yaml": "a: *b\n"},
    {"values.yaml": "a: 1\n---\nb: 2\na: {c: 3}\n---\na: {d: 4}\n"},
    {"values.yaml": "a: 1\n---b: 2\n"},
    {"values.yaml": "a: 1\n--- # next\nb: 2"},
    {"values.yaml": "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz:\n  b: 3\n  <<: [*x]\n"},
    {"values.yaml": "yes: 1\n0644: 2\n1.50: 3\n"},
    {"values.yaml": "a: ! 12\nb: !!str 12\nc: !own 12\nd: !!int '12'\n"},
    {"values.yaml": "a: !!int x\n"},
    {"values.yaml": "a: !!binary aGk=\n"},
    {
        "values.yaml": "a: 0644\nb: 0o17\nc: 0x1F\nd: 1_000\ne: 1e9\nf: yes\ng: 08\n"
        "h: 1:20\ni: 2001-01-01\nj: 0b11\nk: +.5\nl: 1.0\nm: off\n"
    },
    {"Chart.yaml": "name: app\nversion: 1.0.0\n"},
    {"Chart.yaml": "apiVersion: v2\nversion: 1.0.0\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: latest\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0\n"},
    {"Chart.yaml": "apiVersion: v2\nname: a/b\nversion: 1.0.0\n"},
    {"Chart.yaml": "apiVersion: v4\nname: app\nversion: 1.0.0\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\ntype: app\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nmaintainers: [null]\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nmaintainers: [ann]\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nsources: http://a\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nkeywords: [1, yes, null]\nappVersion: 1.10\ndeprecated: yes\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\ndeprecated: 'yes'\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nannotations: {a: 1, b: yes}\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nannotations: {a: {b: c}}\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: {}\n"},
    {"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\nunknown: [1]\n"},
    {"Chart.yaml": "- a\n"},
    {"Chart.yaml": "a: [\n"},
    {"Chart.yaml": ""},
    {"Chart.lock": "[\n"},
    {"Chart.lock": 'dependencies: []\ndigest: x\ngenerated: "2020-01-01T00:00:00Z"\n'},
    {"Chart.lock": "- a\n"},
    {"requirements.yaml": "dependencies: 1\n"},
    {"requirements.lock": "a: [\n"},
    {"values.schema.json": ""},
    {"values.schema.json": "{"},
    {"values.schema.json": "[]"},
    {"values.schema.json": "true"},
    {"values.schema.json": "false"},
    {"values.schema.json": "{} x"},
    {"values.schema.json": '{"maximum": NaN}'},
    {"values.schema.json": '"a"'},
    schema({"type": "strin"}),
    schema({"required": "a"}),
    schema({"properties": []}),
    schema({"minimum": "1"}),
    schema({"$schema": 1}),
    schema({"$ref": "#/$defs/no"}),
    schema({"$ref": "#no"}),
    of_a({"pattern": "(?!a)"}),
    of_a({"pattern": "(a)\\1"}),
    of_a({"pattern": "("}),
    of_a({"$id": "#/properties/a", "type": "string"}),
    of_a({"$id": "#a", "type": "string"}, D7),
    schema({"definitions": {"a": {"type": 1}}}),
    of_a({"items": [{"type": "integer"}]}),
    of_a({"items": [{"type": "integer"}]}, D7),
    schema({}, "http://json-schema.org/schema#"),
    {"big.txt": b"x" * ((5 << 20) + 1)},
]


@pytest.mark.parametrize("files", LOADING, ids=lambda files: " ".join(f"{path}={text[:60]!r}" for path, text in files.items()))
def test_a_chart_is_refused_when_helm_cannot_load_or_use_it(oracles: Oracles, files: dict[str, str | bytes]) -> None:
    assert_as_helm(oracles, files)


def _db(number: int, kind: str) -> dict[str, str | bytes]:
    return {
        f"charts/db-{number}/Chart.yaml": f"apiVersion: v2\nname: db\nversion: {number}.0.0\n",
        f"charts/db-{number}/templates/a.yaml": CONFIG_MAP.replace("name: x", f"name: x{number}"),
        f"charts/db-{number}/values.schema.json": json.dumps({"properties": {"size": {"type": kind}}}),
    }


TWO_VERSIONS: dict[str, str | bytes] = {
    "Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n"
    "- {name: db, version: 1.x, alias: olddb}\n- {name: db, version: 2.x, alias: newdb}\n",
    **_db(1, "string"),
    **_db(2, "integer"),
}
IMPORTING: dict[str, str | bytes] = {
    "Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n"
    "- {name: db, version: '>=1, <2', import-values: [data, {child: deep.down, parent: up}]}\n",
    "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "charts/db/values.yaml": "exports: {data: {port: 1, host: null}}\ndeep: {down: {a: 1}}\n",
    **schema({"properties": {"port": {"maximum": 3}, "up": {"required": ["a"]}}}),
}


def _checked(rules: dict[str, Any], value: Any, draft: str | None = None) -> tuple[dict[str, str | bytes], dict[str, Any]]:
    return of_a(rules, draft), {"a": value}


VALUES: list[tuple[dict[str, str | bytes], dict[str, Any]]] = [
    (TWO_VERSIONS, {"olddb": {"size": "big"}, "newdb": {"size": 3}}),
    (TWO_VERSIONS, {"olddb": {"size": 3}, "newdb": {"size": 3}}),
    (TWO_VERSIONS, {"olddb": {"size": "big"}, "newdb": {"size": "big"}}),
    (TWO_VERSIONS, {"db": {"size": []}}),
    (TWO_VERSIONS, {"olddb": 1}),
    (IMPORTING, {}),
    (IMPORTING, {"db": {"exports": {"data": {"port": 9}}}}),
    (IMPORTING, {"port": 9}),
    (IMPORTING, {"up": None}),
    ({**of_a({"type": "string"}), "values.yaml": "a:\n"}, {}),
    ({**of_a({"type": "string"}), "values.yaml": "a: {b: null}\n"}, {}),
    (of_a({"type": "string"}), {"a": None}),
    ({**of_a({"type": "string"}), "values.yaml": "a: x\n"}, {"a": None}),
    ({**of_a({"required": ["b"]}), "values.yaml": "a: {b: 1}\n"}, {"a": {"b": None}}),
    (of_a({"required": ["b"]}), {"a": {"b": None}}),
    ({**of_a({"type": "integer", "maximum": 511}), "values.yaml": "a: 0644\n"}, {}),
    ({**of_a({"type": "boolean"}), "values.yaml": "a: yes\n"}, {}),
    ({**of_a({"type": "string"}), "values.yaml": "a: yes\n"}, {}),
    ({**of_a({"type": "string"}), "values.yaml": "a: 1_000\n"}, {}),
    _checked({"type": "integer"}, 1.0, D4),
    _checked({"type": "integer"}, 1.5),
    _checked({"maximum": 3, "exclusiveMaximum": True}, 3, D4),
    *(
        _checked({"format": name}, value, draft)
        for draft in (None, D20, D19, D7, D6, D4)
        for name, value in (
            ("hostname", "my_host"),
            ("email", "nobody"),
            ("uri", ""),
            ("date", "x"),
            ("regex", "a"),
            ("unknown", "x"),
        )
    ),
    *(
        _checked({"format": name}, value, D7)
        for name, values in {
            "uri": [
                "http://a/b",
                "mailto:x",
                "/a",
                "http://a b",
                "http://[::1]/",
                "a:b c",
                "://x",
                "http://%zz",
                "http://a:b",
                "http://a:80",
                "http://é",
                "http://u:p@h",
            ],
            "uri-reference": ["/a", "a\\b", "", "#x", "http://x"],
            "email": ["a@b", "a@b..c", "a@b_c", "@b", "a.@b", "a@[127.0.0.1]", '"a b"@c'],
            "hostname": ["a.b", "a.", "-a", "a-", "a" * 64, "", "é"],
            "ipv4": ["1.2.3.4", "1.2.3", "01.2.3.4", "256.1.1.1"],
            "ipv6": ["::1", "1::2::3", "fe80::1%eth0", "::ffff:1.2.3.4", "1.2.3.4"],
            "date": ["2024-02-29", "2023-02-29", "2024-2-1"],
            "time": ["10:00:00Z", "10:00:00", "24:00:00Z", "23:59:60Z", "10:00:60Z", "10:00:00.5+01:00", "00:59:60+01:00"],
            "date-time": ["2024-01-01T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00"],
            "duration": ["P1D", "P", "PT", "P1DT1H", "P1W", "P1H", "P1M1Y"],
            "uuid": ["123e4567-e89b-12d3-a456-426614174000", "x"],
            "json-pointer": ["", "/a~0", "a", "/~2"],
            "relative-json-pointer": ["0#", "01", "1/a"],
            "semver": ["1.2.3", "1.2", "01.2.3", "1.2.3-a.01"],
            "period": ["2024-01-01T00:00:00Z/P1D", "P1D/P1D", "x"],
            "idn-hostname": ["-"],
        }.items()
        for value in values
    ),
    _checked({"contentEncoding": "base64"}, "%", D7),
    _checked({"contentMediaType": "application/json"}, "{", D7),
    _checked({"contentEncoding": "base64"}, "%"),
    (schema({"dependentRequired": {"a": ["b"]}}), {"a": 1}),
    (schema({"dependencies": {"a": ["b"]}}), {"a": 1}),
    (schema({"dependencies": {"a": ["b"]}}, D7), {"a": 1}),
    _checked({"prefixItems": [{"type": "integer"}]}, ["x"]),
    _checked({"prefixItems": [{"type": "integer"}]}, ["x"], D7),
    (schema({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}), {"b": 1}),
    _checked({"contains": {"type": "integer"}, "minContains": 2}, [1]),
    (schema({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, D6), {"a": 1}),
    (schema({"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n", "maximum": 3}}}), {"a": 5}),
    (
        schema({"definitions": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/definitions/n", "maximum": 3}}}, D7),
        {"a": 5},
    ),
    _checked({"pattern": "^\\d+$"}, "\u0661"),
    _checked({"pattern": "(?i)^ABC$"}, "abc"),
    _checked({"multipleOf": 0.1}, 0.3),
    _checked({"maxLength": 5}, "Größe"),
    _checked({"const": 1}, 1.0),
    _checked({"uniqueItems": True}, [1, 1.0]),
    _checked({"enum": ["a"]}, "b"),
    _checked({"minimum": 1e3}, 999),
]


@pytest.mark.parametrize(("files", "values"), VALUES)
def test_values_are_held_against_schemas_as_helm_does(
    oracles: Oracles, files: dict[str, str | bytes], values: dict[str, Any]
) -> None:
    assert_as_helm(oracles, files, values)


KEYS = st.sampled_from(["a", "b", "db", "old", "global", "tags", "enabled", "exports"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.just("x"), st.lists(st.integers(0, 2), max_size=2))
TABLES = st.recursive(st.dictionaries(KEYS, LEAVES, max_size=3), lambda inner: st.dictionaries(KEYS, LEAVES | inner, max_size=3))
DECLARED = st.fixed_dictionaries(
    {"name": st.sampled_from(["db", "mq"]), "version": st.sampled_from(["1.x", "^2", ">=1", "*", "1.0.0 || 3.0.0", "", "~1.2"])},
    optional={
        "alias": st.sampled_from(["old", "a"]),
        "condition": st.sampled_from(["db.enabled", "a,b", "old.enabled,enabled", "global.enabled", " enabled"]),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "import-values": st.lists(
            st.sampled_from(["a", "b"])
            | st.fixed_dictionaries({"child": st.sampled_from(["a", "a.b"]), "parent": st.sampled_from([".", "b", "a.b"])}),
            max_size=2,
        ),
    },
)
SCHEMAS = st.sampled_from(
    [None, {}, {"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}, {"properties": {"global": {"maxProperties": 1}}}]
)


@st.composite
def charts(draw: st.DrawFn, name: str = "app", depth: int = 2) -> dict[str, str | bytes]:
    """Charts in charts, each name once in a folder: of two with a name Helm takes any."""
    declared = draw(st.lists(DECLARED, max_size=2, unique_by=lambda entry: entry.get("alias", entry["name"]))) if depth else []
    version = draw(st.sampled_from(["1.0.0", "1.2.3", "2.1.0", "2.0.0-rc.1"]))
    metadata: dict[str, Any] = {"apiVersion": "v2", "name": name, "version": version}
    files: dict[str, str | bytes] = {
        "Chart.yaml": json.dumps({**metadata, **({"dependencies": declared} if declared else {})}),
        "values.yaml": json.dumps(draw(TABLES)),
    }
    if (rules := draw(SCHEMAS)) is not None:
        files["values.schema.json"] = json.dumps(rules)
    for folder in sorted(draw(st.sets(st.sampled_from(["db", "mq", "ca"]), max_size=2))) if depth else ():
        inner = draw(charts(folder, depth - 1))
        files |= {f"charts/{folder}/{path}": text for path, text in inner.items()}
    return files


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(charts(), TABLES)
def test_values_of_charts_in_charts_are_put_together_as_helm_does(
    oracles: Oracles, files: dict[str, str | bytes], values: dict[str, Any]
) -> None:
    answer = oracles.ask_helm(packed(with_shown_values(files)), values)
    chart, notes = read_chart(read_archive(packed(with_shown_values(files))))
    assert (notes, chart.faults) == ((), ())
    assert bool(against := ours(files, values)) == bool(answer.refusal), (answer.refusal, against)
    if answer.values is not None:
        coalesced = coalesced_values(chart, values)[1]
        coalesced.pop("global", None)
        assert coalesced == answer.values


ESCAPES = [
    "/",
    "0",
    "a",
    "b",
    "t",
    "n",
    "v",
    "f",
    "r",
    "e",
    " ",
    '"',
    "N",
    "_",
    "L",
    "P",
    "x41",
    "x7f",
    "u0041",
    "U0001F600",
    "ud83d",
    "q",
    "\\",
    "\\/",
]
TAGS = [
    "!!str, b",
    "!, b",
    "!<tag:yaml.org,2002:str>, b",
    "!!str , b",
    "! , b",
    "!!str b",
    "! 1",
    '!!str ""',
    '! "", b',
    "!!map {}, b",
    "&x !!str, *x",
]
WRITTEN = [f'a: "x\\{escape}y"\n' for escape in ESCAPES] + [f'"x\\{escape}": 1\n' for escape in ESCAPES]
WRITTEN += [f"a: [{tag}]\n" for tag in TAGS] + [f"a: {{b: {tag}: 1}}\n" for tag in TAGS] + ["a: !!str\n", "a: {!!str, b: 1}\n"]


def test_yaml_is_read_as_go_yaml_reads_it_or_refused(oracles: Oracles) -> None:
    """No escape and no tag is read here that Helm refuses or reads as something else."""
    for text in WRITTEN:
        source = load(text.encode(), "values.yaml")
        if not source.problems:
            answer = oracles.ask_helm(packed(with_shown_values({"values.yaml": text})))
            assert answer.values == source.data, (text, answer.refusal)
