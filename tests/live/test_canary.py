"""Canaries in every place where a secret is configured or arrives: none is ever found where others look.

A canary is a random word. It is put where a secret belongs, or where somebody might write it by mistake; then our commands run,
as processes, against real servers and against some that refuse, lie and say everything back. What was said, written, left
behind and shown in the process list is searched for every canary: as it is, in base64, and for parts of it.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from tests.live.support.canary import (
    broken_configurations,
    happy_paths,
    kubeconfig_credentials,
    refusing_forges,
    refusing_registries,
    secrets_in_documents,
)
from tests.live.support.canary.canary_tokens import Canaries, history, in_files
from tests.live.support.canary.environments import CommandScene, GuardedWorld
from tests.live.support.canary.process_monitor import ObservedProcess, ProcessMonitor
from tests.support.git_server import bare, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.support.environment import Servers

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]  # the first test waits for all stories

AT_ONCE: Final = 4  # stories: each waits much
STORIES: Final[dict[str, Callable[[CommandScene], None]]] = {
    one.__name__.replace("_", "-"): one
    for one in (  # those that take longest first
        happy_paths.day,
        kubeconfig_credentials.clusters,
        refusing_registries.registries_lie,
        refusing_forges.gitea_repeats,
        refusing_registries.signing_fails,
        broken_configurations.misplaced_configuration,
        broken_configurations.broken_configuration,
        broken_configurations.unreadable_configuration,
        refusing_forges.gitea_refuses,
        refusing_registries.broken_credentials,
        refusing_forges.git_urls,
        refusing_forges.other_git_servers,
        kubeconfig_credentials.login_programs,
        secrets_in_documents.documents,
        secrets_in_documents.documents_on_a_terminal,
        secrets_in_documents.flux_objects,
        secrets_in_documents.policies,
    )
}


@pytest.fixture(scope="module")
def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedWorld]:
    with ProcessMonitor() as watch:
        made = GuardedWorld(servers, Canaries(), watch, tmp_path_factory.mktemp("world"))
        with made.reader, made.sealed:
            yield made


@pytest.fixture(scope="module")
def told(world: GuardedWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[CommandScene]]:
    """All stories, ended: every canary is known now, and may have got into the traces of any."""

    def tell(name: str, story: Callable[[CommandScene], None]) -> CommandScene:
        scene = CommandScene(world, tmp_path_factory.mktemp(name))
        story(scene)
        return scene

    first: Future[CommandScene] = Future()
    first.set_result(tell("publishing", happy_paths.publishing))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {"publishing": first} | {name: pool.submit(tell, name, story) for name, story in STORIES.items()}


def leaks(world: GuardedWorld, scene: CommandScene) -> str:
    """What is found in a scene's traces: of each canary where it was first, and where else."""
    places: dict[str, list[str]] = {}
    for trace in scene.traces:
        for name, around in world.canaries.found(trace.data, trace.allowed).items():
            places.setdefault(name, [f"...{around}..."]).append(trace.where)
    return "\n".join("\n    in ".join([f"{name}:\n  {around}", *where]) for name, (around, *where) in places.items())


@pytest.mark.parametrize("story", ["publishing", *STORIES])
def test_nothing_is_shown(world: GuardedWorld, told: dict[str, Future[CommandScene]], story: str) -> None:
    scene = told[story].result()
    assert scene.traces
    found = leaks(world, scene)
    if found:
        pytest.fail(found, pytrace=False)


@pytest.mark.parametrize("story", ["publishing", *STORIES])
def test_nothing_crashes(told: dict[str, Future[CommandScene]], story: str) -> None:
    assert told[story].result().crashes == []


def test_the_process_list_shows_nothing(world: GuardedWorld, told: dict[str, Future[CommandScene]]) -> None:
    del told
    found, seen = world.canaries.found, set(world.watch.seen)
    assert [(one.command, where) for one in seen if (where := found(one.command))] == []
    shown = {(one.command, variable) for one in seen for variable in one.environment.split(b"\0") if found(variable)}
    signing = {(command, variable) for command, variable in shown if variable.startswith(b"COSIGN_PASSWORD=") and _signs(command)}
    assert shown - signing == set()
    password = f"COSIGN_PASSWORD={world.canaries.words[happy_paths.PASSWORD]}".encode()
    assert any(variable == password for _, variable in signing), "cosign was seen with its password"
    assert any(b"verify-blob-attestation" in one.command for one in seen), "cosign was seen without one"


def _signs(command: bytes) -> bool:
    """Whether it is a cosign that needs a key's password."""
    program, what = command.split(b"\0")[:2]
    return program.endswith(b"/cosign") and what in {b"sign", b"public-key"}


def test_addresses_and_the_servers_logs_show_nothing(
    world: GuardedWorld, told: dict[str, Future[CommandScene]], registry_part: dict[str, Any]
) -> None:
    del told
    paths = [one.path for server in (world.reader, world.sealed) for one in server.asked]
    assert len(paths) > 50
    assert world.canaries.found("\n".join(paths).encode()) == {}
    for file in (world.servers.gitea.log, Path(registry_part["logs"]) / "registry.log"):
        log = file.read_bytes()
        assert log.count(b"\n") > 50
        assert world.canaries.found(log) == {}, file.name


# --- that it would be found ---


@pytest.fixture
def canaries() -> Canaries:
    made = Canaries()
    made.word("planted")
    made.hexadecimal("hexadecimal", secrets.token_hex(20))
    return made


SHAPES: Final[dict[str, Callable[[str], str]]] = {
    "plain": lambda word: f"error: {word}: denied",
    "beginning": lambda word: f"'{word[:8]}...'",
    "middle": lambda word: f"{word[7:15]}",
    "capitals": lambda word: word.upper(),
    "json": lambda word: json.dumps({"a": [f'"{word}"']}),
    "url": lambda word: quote(f"http://me:{word}@host/", safe=""),
    "list": lambda word: repr([word.encode()]),
    "base64": lambda word: b64encode(word.encode()).decode(),
    "basic": lambda word: b64encode(f"a:{word}".encode()).decode(),
    "basic-of-two": lambda word: b64encode(f"ab:{word}".encode()).decode(),
    "basic-of-three": lambda word: urlsafe_b64encode(f"\xff\xfe:{word}".encode()).decode(),
    "base64-in-part": lambda word: b64encode(f"user:{word}".encode()).decode()[8:22],
    "escaped": lambda word: f"\x1b[1m{word}\x1b[0m",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_canary_is_found_in_any_shape(canaries: Canaries, shape: str) -> None:
    text = SHAPES[shape](canaries.words["planted"]).encode()
    assert list(canaries.found(b"something before " + text + b" and after")) == ["planted"]
    assert canaries.found(text, allowed={"planted"}) == {}
    assert canaries.found(text[:7]) == {}


def test_a_canary_of_digits_is_found_too(canaries: Canaries) -> None:
    token = canaries.words["hexadecimal"]
    for text in (token, token[3:15], b64encode(f"keeper:{token}".encode()).decode()):
        assert list(canaries.found(text.encode())) == ["hexadecimal"]
    assert canaries.found(secrets.token_hex(10_000).encode()) == {}


def test_a_canary_is_found_in_files_their_names_and_where_they_lead(canaries: Canaries, tmp_path: Path) -> None:
    word = canaries.words["planted"]
    (tmp_path / "deep" / word).mkdir(parents=True)
    (tmp_path / "content").write_bytes(b"\0" + word.encode())
    (tmp_path / "link").symlink_to(f"/nowhere/{word}")
    places = {where.removeprefix(f"{tmp_path}") for where, data in in_files(tmp_path) if canaries.found(data)}
    assert places == {f"the name {tmp_path}/deep/{word}", "/content", f"where {tmp_path}/link leads"}


@pytest.mark.parametrize("place", ["blob", "name", "message", "trailer", "former"])
def test_a_canary_is_found_in_git(canaries: Canaries, tmp_path: Path, place: str) -> None:
    word, repository = canaries.words["planted"], bare(tmp_path / "r")
    commit(repository, "main", {"a": word if place in {"blob", "former"} else "b", word if place == "name" else "c": "d"})
    if place == "former":
        commit(repository, "main", {"a": "another"})
    if place == "message":
        commit(repository, "main", {}, word)
    if place == "trailer":
        tree = git(repository, "write-tree")
        made = git(repository, "commit-tree", tree, "-m", f"Signed-off-by: {word}", "-p", "main")
        git(repository, "update-ref", "refs/heads/main", made)
    git(repository, "gc", "-q")
    assert list(canaries.found(history(repository, "refs/heads/main"))) == ["planted"]
    assert any("planted" in canaries.found(data) for where, data in in_files(tmp_path) if where.startswith("objects of"))


def test_a_canary_is_found_in_the_process_list(canaries: Canaries) -> None:
    """A command of our own starts a program with a secret in its arguments, another with one in its environment."""
    word = canaries.words["planted"]
    starts = f"import subprocess; subprocess.run(['sleep', '0.3', '0.01'], env={{'A': '{word}'}})"
    with ProcessMonitor(b"\0ours\0") as watch:
        subprocess.run([sys.executable, "-c", starts, "ours"], check=True)
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", "ours", word], check=True)
        subprocess.run(["sleep", "0.1", f"0.0{len(word)}"], check=True)
    shown = [one for one in watch.seen if canaries.found(one.environment)]
    assert [one.command.split(b"\0")[:2] for one in shown] == [[b"sleep", b"0.3"]]
    assert any(canaries.found(one.command) and one == ObservedProcess(one.command, b"") for one in watch.seen)
