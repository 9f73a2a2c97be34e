"""Stories of registries that refuse, redirect and lie, and of keys that do not sign."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from tests.live.support.canary.credentialed_servers import (
    CredentialedRegistry,
    CredentialedServer,
    ReceivedRequest,
    ScriptedAnswer,
    basic,
    garbled,
    parrot,
)
from tests.live.support.canary.environments import CONFIG, FORMATS, NOWHERE, PROBLEM_FORMATS, application, until
from tests.live.support.environment import blueprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.support.canary.environments import CommandScene


def _lies(scene: CommandScene, elsewhere: CredentialedServer) -> dict[str, ScriptedAnswer]:
    """What a registry answers to whom it has let in, by Blueprint."""
    word = scene.word
    gone = {
        "userinfo": f"http://me:{word('the password in a redirect')}@{elsewhere.host}/blob",
        "signed": f"http://{elsewhere.host}/blob?signature={word('the signature in a redirect')}",
        "tls": f"https://{elsewhere.host}/blob?signature={word('the signature in a redirect to https')}",
        "broken": f"http://[{word('what is no address')}",
        "scheme": f"ftp://me:{word('the password in a redirect to ftp')}@{elsewhere.host}/",
    }
    return {name: ScriptedAnswer(307, headers={"Location": location}) for name, location in gone.items()}


def _challenges(scene: CommandScene, elsewhere: CredentialedServer) -> dict[str, str]:
    """How a registry asks for who is there, by Blueprint."""
    word = scene.word
    return {
        "foreign": f'Bearer realm="{elsewhere.url}/token",service="x"',
        "realm": f'Bearer realm="http://me:{word("the password in a realm")}@SELF/token"',
        "query": f'Bearer realm="http://SELF/refused?secret={word("the secret in a realm")}"',
        "malformed": f'Bearer realm="http://SELF/malformed",service="{word("the service of a realm")}"',
        "strange": f"Digest {word('a challenge of another kind')}",
    }


def registries_lie(scene: CommandScene) -> None:
    """Registries that refuse, redirect, ask for passwords strangely, and say them and their tokens back."""
    password, token = scene.word("a password that is said back"), scene.word("a registry's token that is said back")
    malformed = scene.word("a token that cannot be sent")
    with ExitStack() as stack:
        elsewhere = stack.enter_context(CredentialedServer(parrot))
        lies, challenges = _lies(scene, elsewhere), _challenges(scene, elsewhere)

        def liar(asked: ReceivedRequest) -> ScriptedAnswer:
            name = asked.path.partition("bp-")[2].partition("/")[0]
            if asked.path.startswith("/malformed"):
                return ScriptedAnswer(body=json.dumps({"token": f"{malformed}\n", "error": asked.authorization}).encode())
            if asked.path.startswith("/token"):
                return ScriptedAnswer(body=json.dumps({"token": token}).encode())
            if asked.path.startswith("/refused"):
                return parrot(asked, 404)
            if not asked.authorization:
                challenge = challenges.get(name, 'Basic realm="x"' if "basic" in name else 'Bearer realm="http://SELF/token"')
                return ScriptedAnswer(401, headers={"WWW-Authenticate": challenge.replace("SELF", server.host)})
            if name.endswith("garbled"):
                return garbled(asked)
            status = {"basic": 500, "refused": 403, "again": 401, "well": 200}.get(name.rpartition("-")[2])
            return lies[name] if name in lies else parrot(asked, status or 400)

        server = stack.enter_context(CredentialedServer(liar))
        scene.credentials({server.host: {"auth": b64encode(f"me:{password}".encode()).decode()}})
        names = (*lies, *challenges, "garbled", "basic-garbled", "basic", "refused", "again", "well", "basic-well", "bad")
        parts = [scene.repository(f"org{n}", application("x", f"bp-{name}")) for n, name in enumerate(names)]
        hosts = [{"host": elsewhere.host, "plainHttp": True}]
        scene.settings(
            environments=parts,
            catalogs=[{"prefix": f"{server.host}/lies", "plainHttp": True}],
            registry={"credentials": "docker.json", "timeout": 1, "hosts": hosts},
        )
        for format_ in PROBLEM_FORMATS[1:]:
            assert scene.run("once", *CONFIG, *format_).code == 3
        with scene.running() as log:
            until(lambda: log.read_bytes().count(b'"pass"') > len(names), "a pass over each")
        assert scene.run("status", *CONFIG, "--format", "json").code == 1
        assert server.heard(password)
        assert server.heard(token)
        assert any("signature=" in one.path for one in elsewhere.asked)
        assert not any(one.authorization for one in elsewhere.asked)
    scene.leave()


def broken_credentials(scene: CommandScene) -> None:
    """A docker config.json that is none, or whose entries are none."""
    host = scene.world.reader.host
    word = scene.word
    texts = {
        "torn": f'{{"auths": {{"{host}": {{"auth": "{word("auth in a torn file")}"',
        "list": json.dumps([word("credentials that are a list")]),
        "text": json.dumps({"auths": word("auths that are a text")}),
        "auth": json.dumps({"auths": {host: {"auth": word("auth that is no base64") + "!"}}}),
        "kinds": json.dumps({"auths": {host: {"auth": [word("auth that is a list")], "username": 1, "password": 2}}}),
        "identity": json.dumps({"auths": {host: {"identitytoken": word("an identity token")}}}),
        "entry": json.dumps({"auths": {host: word("an entry that is a text")}}),
        "wrong": json.dumps(
            {"auths": {host: {"username": "me", "password": word("a password that the registry does not know")}}}
        ),
    }
    blueprint(scene.folder / "app", "bp-app")
    for name, text in texts.items():
        (scene.folder / f"{name}.json").write_text(text)
        where = ("--registry", f"{host}/canary", "--plain-http", "--credentials", f"{name}.json")
        assert scene.run("publish", "app", "--unsigned", *where, *FORMATS[len(name) % 2]).code == 3
    scene.settings(environments=[scene.repository("acme", application("open"))], registry={"credentials": "torn.json"})
    assert scene.run("once", *CONFIG).code == 3
    assert scene.world.reader.heard(scene.world.canaries.words["a password that the registry does not know"])
    scene.leave()


def _to_cosign(way: str, answer: Callable[[ReceivedRequest], ScriptedAnswer], asked: ReceivedRequest) -> ScriptedAnswer | None:
    """An answer to cosign alone, when it asks in this way."""
    theirs = "cosign" in asked.agent and f"{asked.method} {asked.path}".startswith(way)
    return answer(asked) if theirs else None


def signing_fails(scene: CommandScene) -> None:
    """Keys with another password and keys that are none; a registry that turns on cosign alone."""
    world = scene.world
    password, token = (
        scene.word("a registry password that cosign hears back"),
        scene.word("a registry token that cosign hears back"),
    )
    blueprint(scene.folder / "app", "bp-signed")
    scene.credentials({})
    (scene.folder / "none.key").write_text(scene.word("a key file that is none"))
    headed = f"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{scene.word('a key that is none')}\n"
    (scene.folder / "torn.key").write_text(headed)
    plain = f"-----BEGIN PRIVATE KEY-----\n{scene.word('a plain key that is none')}\n-----END PRIVATE KEY-----\n"
    (scene.folder / "plain.key").write_text(plain)
    with CredentialedRegistry(world.servers.registry, {basic("signer", password): token}) as registry:
        by: tuple[str, ...] = ("--registry", f"{registry.host}/signing", "--plain-http", "--cosign", str(world.servers.cosign))
        by += ("--credentials", "docker.json")
        for key in ("none.key", "torn.key", "plain.key"):
            assert scene.run("publish", "app", *by, "--key", key, variables=world.key_password).code == 3
        wrong = scene.word("another password than the key's")
        assert scene.run("publish", "app", *by, "--key", str(world.key), variables={"COSIGN_PASSWORD": wrong}).code == 3
        scene.credentials({registry.host: {"username": "signer", "password": password}})
        location = f"http://me:{scene.word('the password in a redirect of cosign')}@{NOWHERE}/?s={scene.word('its signature')}"
        turns: tuple[tuple[str, Callable[[ReceivedRequest], ScriptedAnswer]], ...] = (
            ("GET /v2/", lambda asked: parrot(asked, 403)),
            ("POST /v2/", lambda asked: parrot(asked, 400)),
            ("GET /v2/signing", lambda _: ScriptedAnswer(307, headers={"Location": location})),
            ("GET /token", lambda asked: parrot(asked, 403)),
        )
        for way, answer in turns:
            registry.lie = partial(_to_cosign, way, answer)
            told = scene.run("publish", "app", *by, "--key", str(world.key), variables=world.key_password)
            assert told.code == 3, told
            assert b"did not sign" in told.err
        assert registry.heard(password, "cosign")
        assert registry.heard(token, "cosign")
    scene.leave()
