"""Stories of Gitea and other git servers that refuse, and that say back what they hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.live.support.canary.credentialed_servers import CredentialedServer, ReceivedRequest, ScriptedAnswer, garbled, parrot
from tests.live.support.canary.environments import CONFIG, FORMATS, KEEPER, NOWHERE, PROBLEM_FORMATS, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.support.canary.environments import CommandScene


def gitea_refuses(scene: CommandScene) -> None:
    """Tokens that Gitea does not know, and what comes of them in each command."""
    gitea = scene.world.servers.gitea
    wrong = scene.word("a token that Gitea does not know")
    gitea.create_repository("refusing-prod", "refusing")
    at = {"url": gitea.url, "username": KEEPER, "token": wrong, "discover": False}
    named = [{"name": "refusing-prod", "repository": "refusing/refusing-prod"}]
    scene.settings(gitea=at, environments=named, trust={"repository": "refusing/refusing-prod"})
    assert scene.run("audit", "refusing-prod", *CONFIG).code == 3
    assert scene.run("once", *CONFIG).code == 3
    scene.settings(gitea=at, environments=named)
    for format_ in PROBLEM_FORMATS[1:]:
        assert scene.run("once", *CONFIG, *format_).code == 3
    name = "refusing-prod"
    commands = ("status", f"update {name}", f"tree {name}", f"why {name} x", f"explain {name}/x")
    for number, words in enumerate(commands):
        assert scene.run(*words.split(), *CONFIG, *FORMATS[number % 2]).code == 3
    scene.settings(gitea={**at, "discover": True}, environments=named)
    with scene.running() as log:
        until(lambda: b"cannot be discovered" in log.read_bytes(), "the service complains")
    scene.leave()


def gitea_repeats(scene: CommandScene) -> None:
    """What pretends to be Gitea says the token back: in its answers to the API and to git, and in addresses."""
    part = {"name": "acme-prod", "repository": "acme/acme-prod"}
    to_git = {
        "an answer 500": _say(500),
        "an answer 200": _say(200),
        "no HTTP": garbled,
        "a redirect": _redirect,
        "an error": _git,
    }
    for number, (name, script) in enumerate(to_git.items()):
        token = scene.word(f"a token that is said back to git in {name}")
        with CredentialedServer(script) as server:
            at = {"url": server.url, "username": KEEPER, "token": token, "discover": False}
            scene.settings(gitea=at, environments=[part])
            assert scene.run("status", *CONFIG, *FORMATS[number % 2]).code == 3
            assert server.heard(token)
    to_the_api = {"an answer 403": _say(403), **to_git}
    del to_the_api["an error"]
    for name, script in to_the_api.items():
        token = scene.word(f"a token that is said back by the API in {name}")
        with CredentialedServer(script) as server:
            scene.settings(gitea={"url": server.url, "token": token})
            assert scene.run("status", *CONFIG).code == 3
            assert any("/api/" in one.path and token in one.authorization for one in server.asked)
    scene.leave()


def _say(status: int) -> Callable[[ReceivedRequest], ScriptedAnswer]:
    return lambda asked: parrot(asked, status)


def _redirect(asked: ReceivedRequest) -> ScriptedAnswer:
    """Leads away, with a password in the address."""
    said = asked.authorization.rpartition(" ")[2]
    return ScriptedAnswer(302, headers={"Location": f"http://me:{said}@{NOWHERE}/{said}"})


def _git(asked: ReceivedRequest) -> ScriptedAnswer:
    """What a git server says when it will not (gitprotocol-pack: `ERR`)."""
    line = f"ERR {asked.authorization}\n"
    words = f"001e# service=git-upload-pack\n0000{len(line) + 4:04x}{line}"
    return ScriptedAnswer(body=words.encode(), headers={"Content-Type": "application/x-git-upload-pack-advertisement"})


def git_urls(scene: CommandScene) -> None:
    """Passwords in the urls of Environments, in every form that a url may have or almost have."""
    forms = {
        "after a name": "http://me:{}@HOST/x.git",
        "without a name": "http://{}@HOST/x.git",
        "with a wrong port": "http://me:{}@HOST:99999/x.git",
        "with half an IPv6 address": "http://me:{}@[HOST/x.git",
        "of ssh": "ssh://me:{}@HOST/x.git",
        "of a file": "file://me:{}@/x.git",
        "without a scheme": "me:{}@HOST/x.git",
        "with a #": "http://me:{}#x@HOST/x.git",
        "with a slash": "http://me:{}/x@HOST/x.git",
        "in the query": "http://HOST/x.git?token={}",
        "in the fragment": "http://HOST/x.git#{}",
    }
    with CredentialedServer(parrot) as server:
        urls = [
            form.replace("HOST", server.host).format(scene.word(f"the password in a url, {name}")) for name, form in forms.items()
        ]
        scene.settings(environments=[{"name": f"e{n}-prod", "url": url} for n, url in enumerate(urls)])
        for format_ in FORMATS:
            assert scene.run("status", *CONFIG, *format_).code == 3
        assert scene.run("once", *CONFIG, *PROBLEM_FORMATS[-1]).code == 3
        assert scene.run("run", *CONFIG).code == 3
    scene.leave()


def other_git_servers(scene: CommandScene) -> None:
    """The token goes to Gitea and nowhere else, and what a stranger sends is not repeated where it holds a password."""
    token, other = scene.word("a token for Gitea alone"), scene.word("a password in a stranger's redirect")
    redirect = ScriptedAnswer(301, headers={"Location": f"http://me:{other}@{NOWHERE}/x.git"})
    with CredentialedServer(lambda _: redirect) as stranger:
        at = {"url": f"http://{NOWHERE}", "username": KEEPER, "token": token, "discover": False}
        scene.settings(gitea=at, environments=[{"name": "acme-prod", "url": f"{stranger.url}/acme/acme-prod.git"}])
        for format_ in FORMATS:
            assert scene.run("once", *CONFIG, *format_).code == 3
        assert stranger.asked
        assert not any(one.authorization for one in stranger.asked)
    scene.leave()
