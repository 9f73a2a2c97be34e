"""Attacks on the way from a registry to `resolved`: each is refused for the right reason, in bounds, and nothing is written.

The registry and cosign are real, and so is each pass: a process of its own, whose time and memory are measured (`victims`). Every
Environment has an Application that was resolved before; it stays as it is, whatever happens to the one that is pushed then.
"""

from __future__ import annotations

import base64
import json
import os
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.live.support import hostile_artifacts
from tests.live.support.attack_artifacts import AttackedArtifact, crowd, fallback, old
from tests.live.support.attacks import FOREVER, SIGNED, UNSIGNED, WIRE, corrupt, denied, invalid, unavailable, untrusted
from tests.live.support.environment import blueprint, reconciler
from tests.live.support.hostile_artifacts import (
    BUNDLE,
    CHART,
    CONFIG,
    ArtifactForge,
    Layer,
    as_json,
    manifest,
    sha256,
    tarred,
    zipped,
)
from tests.live.support.lying_registry_proxy import INDEX, LyingRegistryProxy, at, chunked, dropped, first, flipped, truth
from tests.live.support.measured_passes import MeasuredEnvironments, MeasuredPass
from tests.support.registry_server import HostileRegistry, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.live.support.attacks import Ending
    from tests.live.support.lying_registry_proxy import Lie
    from tests.live.support.signing_keys import SigningKeys

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

PASSWORD = "canary-1f7"  # noqa: S105 - a canary: it must show up nowhere
AUTHORIZATION = base64.b64encode(f"robot:{PASSWORD}".encode()).decode()
OLDER_IN_PLACE = r"/bp-lift/manifests/1\.1\.0$"

# The Environments of the tests below that need one of their own.
OTHERS = (
    "awaited", "slowed", "versions", "realm", "redirected", "moved-unsigned", "moving", "moving-unsigned", "turned-back",
    "turned-first", "damaged", "uncovered", "confused", "poisoned", "poisoned-too", "config", "rubbish", "cosign", "kept",
    "modern",
)  # fmt: skip


@pytest.fixture(scope="module")
def between(registry_host: str) -> Iterator[LyingRegistryProxy]:
    with LyingRegistryProxy(registry_host) as between:
        yield between


@pytest.fixture(scope="module")
def shop(
    between: LyingRegistryProxy,
    registry_host: str,
    cosign_program: Path,
    keys: SigningKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AttackedArtifact]:
    """What is on sale, published as everybody does it."""
    folder = tmp_path_factory.mktemp("shop")
    prefix = f"{registry_host}/attacks/{uuid.uuid4().hex[:12]}"
    folders = [blueprint(folder / name, name) for name in ("bp-good", "bp-app", "bp-other", "bp-lift")]
    folders.append(blueprint(folder / "lifted", "bp-lift", "1.1.0"))
    how = ["--registry", prefix, "--plain-http", "--cosign", str(cosign_program), "--key", str(keys.trusted.key)]
    done = reconciler("publish", *map(str, folders), *how, COSIGN_PASSWORD=keys.trusted.password)
    assert done.returncode == 0, done.stderr
    with httpx.Client(timeout=30) as client:
        yield AttackedArtifact(ArtifactForge(prefix, cosign_program, folder, client), between)


@pytest.fixture(scope="module")
def victims(
    shop: AttackedArtifact, keys: SigningKeys, cosign_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> MeasuredEnvironments:
    """All Environments, each with one Application resolved."""
    folder = tmp_path_factory.mktemp("victims") / "all"
    folder.mkdir()
    names = (*WIRE, *(f"signed-{name}" for name in SIGNED), *(f"unsigned-{name}" for name in UNSIGNED), *OTHERS)
    victims = MeasuredEnvironments(folder, f"{shop.between.host}/{shop.path}", keys.trusted.public_key, cosign_program, names)
    for name in names:
        victims.want(name, one="bp-good")
    told = victims.once(*names)
    assert told.code == 0, told.text
    return victims


@pytest.fixture(autouse=True)
def _honest(between: LyingRegistryProxy) -> Iterator[None]:
    """Every test begins with a registry that does not lie, and of which nothing was asked."""
    between.lie = truth
    between.requests.clear()
    yield
    between.lie = truth


def check(told: MeasuredPass, name: str, ending: Ending) -> None:
    """That one Environment's part of a pass ended so, and that its status says so."""
    assert name in told.results, told.text
    result = told.results[name]
    found = f"{told.code}: {json.dumps(result['blocker'])}"
    assert result["blocker"] is not None, found
    assert (result["blocker"]["reason"], result["refused"]) == (ending.reason, ending.code == 1), found
    assert re.search(ending.words, result["blocker"]["message"]), found
    assert result["status"].get("refused") == (result["main"] if result["refused"] else None), found
    if result["refused"]:
        assert result["problems"][0]["file"] == "applications/two.yaml", found
    assert (trusted(result)["status"] == "False") == (ending.reason == "Untrusted"), found


def trusted(result: dict[str, Any]) -> dict[str, str]:
    """The condition of a status that speaks of trust."""
    return next(one for one in result["status"]["conditions"] if one["type"] == "Trusted")


def test_a_registry_with_the_referrers_api_is_asked_by_it_alone(shop: AttackedArtifact, victims: MeasuredEnvironments) -> None:
    """The real one has none, and is asked by the fallback tag everywhere else: here its answer is given as the API's."""
    victims.want("modern", two="bp-app")
    index = shop.forge.get("bp-app", f"manifests/{fallback(shop.app)}")
    api = at(shop.at_referrers, Reply(body=index, headers={"Content-Type": INDEX}))
    shop.between.lie = first(api, at(shop.at_fallback, Reply(404)))
    told = victims.once("modern")
    assert told.code == 0, told.text
    assert shop.between.asked(shop.at_referrers)
    assert not shop.between.asked(shop.at_fallback)


@pytest.mark.parametrize("name", WIRE)
def test_what_is_spoiled_on_the_way_is_refused(name: str, shop: AttackedArtifact, victims: MeasuredEnvironments) -> None:
    lie, ending = WIRE[name]
    victims.want(name, two="bp-app")
    before = victims.head(name, "resolved")
    shop.between.lie = lie(shop)
    told = victims.once(name)
    check(told, name, ending)
    assert told.code == ending.code
    assert victims.head(name, "resolved") == before
    if ending.reason == "Untrusted":
        assert not shop.between.asked(f"{shop.at_chart}|{shop.at_document}"), "nothing is read before a signature holds"


def test_all_of_them_heal_when_it_stops(victims: MeasuredEnvironments) -> None:
    told = victims.once(*WIRE, anew=False)
    assert told.code == 0, told.text
    assert {name: set(victims.lock(name)) for name in WIRE} == {name: victims.wanted(name) for name in WIRE}


@dataclass(frozen=True)
class Raid:
    """One pass over many Environments, each of which is to take something bad.

    Attributes:
        told: how it ended.
        artifacts: the manifests.
        before: where each one's `resolved` was.
        asked: the paths that the registry was asked for.
    """

    told: MeasuredPass
    artifacts: dict[str, bytes]
    before: dict[str, str | None]
    asked: tuple[str, ...]


def raid(victims: MeasuredEnvironments, shop: AttackedArtifact, artifacts: dict[str, bytes]) -> Raid:
    """Have each Environment want the Blueprint that is called like it, all in one pass."""
    for name in artifacts:
        victims.want(name, two=f"bp-{name}")
    before = {name: victims.head(name, "resolved") for name in artifacts}
    shop.between.requests.clear()
    told = victims.once(*artifacts)
    return Raid(told, artifacts, before, tuple(request.path for request in shop.between.requests))


@pytest.fixture(scope="module")
def signed(shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys) -> Raid:
    """All that is harmful and signed by the right key."""
    made = {f"signed-{name}": make(shop.forge, f"bp-signed-{name}") for name, (make, _) in SIGNED.items()}
    artifacts = [(f"bp-{name}", raw) for name, raw in made.items()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: shop.forge.sign(keys.trusted, *half), (artifacts[::2], artifacts[1::2])))
    return raid(victims, shop, made)


@pytest.fixture(scope="module")
def unsigned(shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys) -> Raid:
    """All that the right key did not sign."""
    made = {f"unsigned-{name}": shop.forge.artifact(f"bp-unsigned-{name}", zipped(tarred("bp"))) for name in UNSIGNED}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: UNSIGNED[n][0](shop, keys, f"bp-unsigned-{n}", made[f"unsigned-{n}"]), UNSIGNED))
    return raid(victims, shop, made)


@pytest.mark.parametrize("name", SIGNED)
def test_what_is_harmful_is_refused_though_it_is_signed(name: str, signed: Raid, victims: MeasuredEnvironments) -> None:
    victim = f"signed-{name}"
    check(signed.told, victim, SIGNED[name][1])
    assert victims.head(victim, "resolved") == signed.before[victim]


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_the_right_key_did_not_sign_is_refused_unread(name: str, unsigned: Raid, victims: MeasuredEnvironments) -> None:
    victim = f"unsigned-{name}"
    check(unsigned.told, victim, UNSIGNED[name][1])
    assert victims.head(victim, "resolved") == unsigned.before[victim]
    for layer in json.loads(unsigned.artifacts[victim])["layers"]:
        assert not [path for path in unsigned.asked if path.endswith(f"/bp-{victim}/blobs/{layer['digest']}")]


# Time


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda body: Reply(body=body, pieces=len(body), pause=0.2), "did not finish within 2 s"),
        (lambda body: Reply(body=body, pause=FOREVER), r"did not respond within 0\.5 s"),
    ],
    ids=["a drip", "silence"],
)
def test_what_takes_for_ever_is_not_awaited(
    how: Callable[[bytes], Reply], words: str, shop: AttackedArtifact, victims: MeasuredEnvironments
) -> None:
    victims.want("awaited", two="bp-app")
    before = victims.head("awaited", "resolved")
    shop.between.lie = shop.spoil(shop.at_chart, how)
    check(victims.once("awaited", CATALYST_REGISTRY__TIMEOUT="0.5"), "awaited", unavailable(words))
    assert victims.head("awaited", "resolved") == before


# Credentials


@pytest.fixture
def listener() -> Iterator[HostileRegistry]:
    """Another host, which would like to be told a password."""
    with HostileRegistry(lambda _: Reply(401, headers={"WWW-Authenticate": 'Basic realm="tell me"'})) as listener:
        yield listener


@pytest.fixture
def credentials(shop: AttackedArtifact, tmp_path: Path) -> str:
    """A docker config.json with a password for the registry."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {shop.between.host: {"auth": AUTHORIZATION}}}))
    return str(file)


@pytest.mark.parametrize(
    ("realm", "ending"),
    [
        ("http://{there}/token", denied("credentials go to the registry's own host only")),
        ("//{there}/token", denied("credentials go to the registry's own host only")),
        ("https://{here}/token", denied("credentials go to the registry's own host only")),
        ("http://{here}@{there}/token", corrupt("refers to an address with a user or unusual characters")),
    ],
)
def test_a_foreign_realm_is_told_nothing(
    realm: str, ending: Ending, shop: AttackedArtifact, victims: MeasuredEnvironments, listener: HostileRegistry, credentials: str
) -> None:
    victims.want("realm", two="bp-app")
    before = victims.head("realm", "resolved")
    challenge = f'Bearer realm="{realm.format(here=shop.between.host, there=listener.host)}",service="x",scope="y"'
    shop.between.lie = at("/bp-app/", Reply(401, headers={"WWW-Authenticate": challenge}))
    told = victims.once("realm", CATALYST_REGISTRY__CREDENTIALS=credentials)
    check(told, "realm", ending)
    assert victims.head("realm", "resolved") == before
    assert not listener.requests
    assert PASSWORD not in told.text
    assert AUTHORIZATION not in told.text


@pytest.mark.parametrize(
    ("listed", "words"), [(True, "requires credentials of its own"), (False, "without TLS, which is not followed")]
)
def test_a_redirect_to_another_host_takes_no_credentials_along(
    listed: bool, words: str, shop: AttackedArtifact, victims: MeasuredEnvironments, listener: HostileRegistry, credentials: str
) -> None:
    victims.want("redirected", two="bp-app")
    before = victims.head("redirected", "resolved")
    ask = Reply(401, headers={"WWW-Authenticate": 'Basic realm="home"'})
    shop.between.lie = first(
        lambda request: None if "Authorization" in request.headers else ask,
        at(shop.at_chart, Reply(307, headers={"Location": f"http://{listener.host}/blob"})),
    )
    hosts = json.dumps([{"host": listener.host, "plainHttp": True}] if listed else [])
    told = victims.once("redirected", CATALYST_REGISTRY__CREDENTIALS=credentials, CATALYST_REGISTRY__HOSTS=hosts)
    check(told, "redirected", denied(words))
    assert victims.head("redirected", "resolved") == before
    assert [request.path for request in listener.requests] == (["/blob"] if listed else [])
    assert not [request for request in listener.requests if "Authorization" in request.headers]
    assert AUTHORIZATION not in told.text


# Tags that move


@pytest.mark.parametrize("name", ["moved-unsigned", "moving", "moving-unsigned"])
def test_a_tag_that_moves_is_taken_for_one_thing(
    name: str, shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys
) -> None:
    other = shop.forge.artifact("bp-app", zipped(tarred("bp-app", files={"for": name.encode()})), tag=None)
    if not name.endswith("-unsigned"):
        shop.forge.sign(keys.trusted, ("bp-app", other))
    turns = [Reply(body=shop.app), Reply(body=other)] * (50 if name.startswith("moving") else 1)
    shop.between.lie = at(shop.at_tag, *turns)
    victims.want(name, two="bp-app")
    told = victims.once(name, CATALYST_INTERVALS__RETRY="0.001")  # what a tag names is looked up again and again
    if told.code != 0:
        assert name.endswith("-unsigned")
        check(told, name, untrusted("has no signature"))
        return
    package = victims.lock(name)["two"]
    taken = {sha256(raw): raw for raw in (shop.app, other)}[package["artifact"].partition("@")[2]]
    assert package["chart"]["digest"] == json.loads(taken)["layers"][0]["digest"]
    assert taken == shop.app or not name.endswith("-unsigned")
    shop.between.lie = truth
    audit = victims.measured("audit", "-c", str(victims.config), f"{name}-prod")
    assert audit.code == 0, audit.text


def test_a_list_or_a_tag_that_is_turned_back_moves_nothing_that_is_locked(
    shop: AttackedArtifact, victims: MeasuredEnvironments
) -> None:
    name = "turned-back"
    victims.want(name, two="bp-lift")
    assert victims.once(name).code == 0
    locked = victims.lock(name)["two"]
    assert locked["version"] == "1.1.0"
    hidden = first(shop.answer("/bp-lift/tags/list", as_json({"tags": ["1.0.0"]})), at(OLDER_IN_PLACE, Reply(404)))
    for number, lie in enumerate((hidden, shop.answer(OLDER_IN_PLACE, shop.forge.get("bp-lift", "manifests/1.0.0")))):
        victims.want(name, **{f"more-{number}": "bp-good"})
        shop.between.lie = lie
        told = victims.once(name)
        assert told.code == 0, told.text
        assert victims.lock(name)["two"] == locked


def test_a_tag_that_names_an_older_version_is_refused(shop: AttackedArtifact, victims: MeasuredEnvironments) -> None:
    victims.want("turned-first", two="bp-lift 1.1.0")
    shop.between.lie = shop.answer(OLDER_IN_PLACE, shop.forge.get("bp-lift", "manifests/1.0.0"))
    check(victims.once("turned-first"), "turned-first", invalid(r"1\.0\.0"))


def test_a_newest_version_that_is_damaged_is_not_passed_over_in_silence(
    shop: AttackedArtifact, victims: MeasuredEnvironments
) -> None:
    victims.want("damaged", two="bp-lift")
    newest = shop.forge.get("bp-lift", "manifests/1.1.0")
    shop.between.lie = shop.spoil(f"/bp-lift/manifests/{sha256(newest)}$", flipped)
    told = victims.once("damaged")
    assert "the registry sent content with another digest" in told.results["damaged"]["problems"][0]["message"], told.text


# Catalogs


def catalogs(victims: MeasuredEnvironments, second: str) -> str:
    """The configuration of two catalogs."""
    return json.dumps([{"prefix": victims.prefix + end, "plainHttp": True} for end in ("", second)])


def test_what_no_policy_covers_is_refused(shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys) -> None:
    far = replace(shop.forge, prefix=f"{shop.forge.prefix}-far")
    far.sign(keys.trusted, ("bp-far", far.artifact("bp-far", zipped(tarred("bp-far")))))
    victims.want("uncovered", two="bp-far")
    before = victims.head("uncovered", "resolved")
    told = victims.once("uncovered", CATALYST_CATALOGS=catalogs(victims, "-far"))
    check(told, "uncovered", untrusted("no trust policy covers"))
    assert victims.head("uncovered", "resolved") == before


def test_a_name_in_a_second_catalog_is_nobody_s_and_moves_nothing_that_is_locked(
    shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys
) -> None:
    name, both = "confused", catalogs(victims, "/near")
    victims.want(name, three="bp-app")
    assert victims.once(name).code == 0
    locked = victims.lock(name)["three"]
    near = replace(shop.forge, prefix=f"{shop.forge.prefix}/near")
    near.sign(keys.trusted, ("bp-app", near.artifact("bp-app", zipped(tarred("bp-app")), tag="9.9.9")))
    victims.want(name, four="bp-good")
    assert victims.once(name, CATALYST_CATALOGS=both).code == 0
    assert victims.lock(name)["three"] == locked
    before = victims.head(name, "resolved")
    victims.want(name, two="bp-app")
    told = victims.once(name, CATALYST_CATALOGS=both)
    check(told, name, replace(invalid("bp-app is in more than one catalog"), reason="AmbiguousBlueprint"))
    assert victims.head(name, "resolved") == before


# What must not be refused


def test_a_cache_that_was_poisoned_is_not_believed(shop: AttackedArtifact, victims: MeasuredEnvironments) -> None:
    names = ("poisoned", "poisoned-too")
    for name in names:
        victims.want(name, two="bp-app")
    assert victims.once(*names).code == 0
    heads = [victims.head(name, "resolved") for name in names]
    for number, file in enumerate(sorted(victims.cached())):
        data = file.read_bytes()
        file.unlink()
        if number % 4 == 0:
            file.write_bytes(flipped(data).body)
        elif number % 4 == 1:
            file.write_bytes(data[:-1])
        elif number % 4 == 2:
            os.mkfifo(file)
        else:
            file.symlink_to("/etc/passwd")
    shop.between.requests.clear()
    told = victims.once(*names, anew=False)
    assert told.code == 0, told.text
    assert shop.between.asked(shop.at_chart) == shop.between.asked(shop.at_document) == 1, "fetched again, and once for both"
    assert [victims.head(name, "resolved") for name in names] == heads


def test_a_config_that_is_huge_is_not_even_asked_for(
    shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys
) -> None:
    config = Layer(bytes(64 << 20), CONFIG)
    layers = (
        Layer(zipped(tarred("bp-config")), CHART),
        Layer(hostile_artifacts.blueprint("bp-config"), hostile_artifacts.BLUEPRINT),
    )
    raw = shop.forge.push("bp-config", manifest(config, *layers), config, *layers, tag="1.0.0")
    shop.forge.sign(keys.trusted, ("bp-config", raw))
    victims.want("config", two="bp-config")
    told = victims.once("config")
    assert told.code == 0, told.text
    assert not shop.between.asked(sha256(config.data))


def test_rubbish_does_not_hide_a_good_signature(shop: AttackedArtifact, victims: MeasuredEnvironments, keys: SigningKeys) -> None:
    name, raw = "bp-other", shop.other
    (good,) = shop.forge.referrers(name, raw)
    shop.forge.refer(name, raw, *crowd(shop, keys, name, raw, 63), good)
    rubbish = as_json({**json.loads(good), "layers": [Layer(b"", BUNDLE).descriptor] * 10**5})
    shop.between.lie = at(f"/{name}/manifests/{old(raw)}$", chunked(rubbish))
    victims.want("rubbish", two=name)
    told = victims.once("rubbish")
    assert told.code == 0, told.text
    assert victims.lock("rubbish")["two"]["evidence"][0]["signature"] == sha256(good)


# cosign

_VERSION = '#!/bin/sh\n[ "$1" = version ] && echo \'{"gitVersion": "v%s"}\' && exit 0\n'


def run_with(victims: MeasuredEnvironments, folder: Path, program: str | None) -> MeasuredPass:
    """A pass with another cosign, which may take half a second; None when there is none."""
    file = folder / "cosign"
    if program is not None:
        file.write_text(program)
        file.chmod(0o755)
    victims.want("cosign", two="bp-app")
    return victims.once("cosign", CATALYST_COSIGN__PROGRAM=str(file), CATALYST_COSIGN__TIMEOUT="0.5")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (None, "there is no cosign at"),
        ("no program", "cannot be executed on this machine"),
        (_VERSION % "3.0.5" + "exit 0", r"is cosign 3\.0\.5, which is too old"),
        ('#!/bin/sh\necho \'{"gitVersion": "v2.4.1"}\'', r"is cosign 2\.4\.1, which is too old"),
        ("#!/bin/sh\nexit 0", "does not report a version of cosign"),
        ("#!/bin/sh\nexec sleep 47.13", "took all of its 0.5 s"),
        ("#!/bin/sh\nexec yes", "took all of its 0.5 s"),
    ],
    ids=["missing", "no program", "too old", "yes to all", "mute", "hanging", "chatty"],
)
def test_without_a_cosign_that_is_one_nothing_is_begun(
    program: str | None, words: str, shop: AttackedArtifact, victims: MeasuredEnvironments, tmp_path: Path
) -> None:
    before = victims.head("cosign", "resolved"), victims.head("cosign", "status")
    told = run_with(victims, tmp_path, program)
    assert (told.code, told.results) == (3, {}), told.text
    assert re.search(words, told.text), told.text
    assert (victims.head("cosign", "resolved"), victims.head("cosign", "status")) == before
    assert not shop.between.requests


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("exec sleep 47.14", "took all of its 0.5 s"),
        ("sleep 47.15 & exec sleep 47.15", "took all of its 0.5 s"),
        ("kill -9 $$", "was killed by signal 9"),
        ("exec yes", "took all of its 0.5 s"),
    ],
    ids=["hanging", "hanging with a child", "killed", "chatty"],
)
def test_a_cosign_that_comes_to_no_answer_has_not_said_no(
    program: str, words: str, victims: MeasuredEnvironments, tmp_path: Path
) -> None:
    before = victims.head("cosign", "resolved")
    check(run_with(victims, tmp_path, _VERSION % "3.1.3" + program), "cosign", unavailable(words))
    assert victims.head("cosign", "resolved") == before


# What is resolved already


@pytest.mark.parametrize(
    ("lie", "status", "reason"),
    [
        (lambda _: dropped(""), "Unknown", "Unavailable"),  # a process that never looked knows nothing
        (lambda _: at("/referrers/|/manifests/sha256-", Reply(500)), "Unknown", "Unavailable"),
        (lambda s: s.spoil("/bp-good/manifests/sha256:", flipped), "Unknown", "Damaged"),
        (lambda _: at("/referrers/|/manifests/sha256-", Reply(404)), "False", "Untrusted"),
    ],
    ids=["down", "failing", "flipped", "withheld"],
)
def test_what_is_resolved_stays_and_is_told_of_truly(
    lie: Callable[[AttackedArtifact], Lie], status: str, reason: str, shop: AttackedArtifact, victims: MeasuredEnvironments
) -> None:
    before = victims.head("kept", "resolved")
    shop.between.lie = lie(shop)
    told = victims.once("kept").results["kept"]
    assert victims.head("kept", "resolved") == before
    assert told["status"].get("refused") is None
    assert (trusted(told)["status"], trusted(told)["reason"]) == (status, reason), trusted(told)
    shop.between.lie = truth
    healed = victims.once("kept")
    assert (healed.code, trusted(healed.results["kept"])["status"]) == (0, "True"), healed.text
