"""Stories of configurations that are broken, or hold secrets in wrong places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.live.support.canary.environments import CONFIG, NOWHERE

if TYPE_CHECKING:
    from tests.live.support.canary.environments import CommandScene


def broken_configuration(scene: CommandScene) -> None:
    """A token that YAML reads as something else than a text."""
    forms = {"an asterisk": "*{}", "an exclamation mark": "!{}", "an ampersand": "&{}"}
    forms |= {"a quotation mark": '"{}', "a backslash": '"\\{}"'}
    for name, form in forms.items():
        value = form.format(scene.word(f"gitea.token after {name}"))
        (scene.folder / "reconciler.yaml").write_text(f"sovereign: x\ngitea:\n  url: http://x\n  token: {value}\nstate: s\n")
        assert scene.run("status", *CONFIG).code == 3
    typos = f"gitea: {{url: http://x, token:{scene.word('gitea.token without a space before')}}}\nsovereign: x\n"
    (scene.folder / "reconciler.yaml").write_text(typos)
    assert scene.run("status", *CONFIG).code == 3
    scene.leave()


def misplaced_configuration(scene: CommandScene) -> None:
    """Secrets of wrong types, in places for something else, under names that there are not."""
    word = scene.word
    at: dict[str, Any] = {
        "url": [word("gitea.url as a list")],
        "token": [word("gitea.token as a list")],
        "tokenFile": {"token": word("a token in tokenFile")},
    }
    at |= {"username": {"password": word("a password in username")}, "pasword": word("gitea.pasword")}
    auths = {"h": {"auth": word("registry.credentials written out")}}
    host: dict[str, Any] = {
        "host": f"me:{word('the password of a host')}@registry.example",
        "password": word("a password beside a host"),
    }
    host |= {
        "mirrors": [f"me:{word('the password of a mirror')}@m.example"],
        "tokenHosts": [f"me:{word('of a token host')}@t.example"],
    }
    prefix = f"me:{word('the password of a catalog')}@registry.example/x"
    scene.settings(
        gitea=at,
        password=word("a password at the top"),
        registry={"credentials": {"auths": auths}, "hosts": [host]},
        catalogs=[{"prefix": prefix, "pullSecret": {"password": word("pullSecret written out")}}],
        trust={"repository": f"https://me:{word('the password of the system repository')}@gitea.example/system/x"},
        environments=[
            {"name": "x", "url": {"password": word("a url written out")}},
            {"name": "y", "token": word("an Environment's token")},
        ],
        clusters={"directory": {"token": word("a kubeconfig written out")}},
        http={
            "secret": [word("http.secret as a list")],
            "secretFile": {"secret": word("a secret in secretFile")},
            "address": f"http://me:{word('the password of an address')}@reconciler.example",
            "listen": f"me:{word('the password of a listener')}@127.0.0.1:80",
            "token": word("http.token"),
        },
        cosign={"password": word("cosign.password"), "program": [word("a program as a list")]},
    )
    assert scene.run("status", *CONFIG).code == 3
    assert scene.run("run", "-v", *CONFIG).code == 3
    scene.settings(gitea={"url": "http://x", "token": scene.number("gitea.token as a number")})
    assert scene.run("status", *CONFIG).code == 3
    for name, url in (
        ("name", "http://me:{}@gitea.example"),
        ("port", "http://me:{}@gitea.example:x"),
        ("query", "http://127.0.0.1:9/?token={}"),
    ):
        scene.settings(gitea={"url": url.format(word(f"the password in gitea.url with a {name}")), "token": "x"})
        assert scene.run("status", *CONFIG).code == 3
    at = {"url": f"http://{NOWHERE}", "token": "x", "discover": False}
    scene.settings(gitea=at, http={"listen": "127.0.0.1:0", "secret": word("a short http.secret")[:12]})
    assert scene.run("run", *CONFIG).code == 3
    repository = f"http://me:{word('the password of a repository')}@gitea.example/x/y"
    scene.settings(
        gitea={"url": "http://127.0.0.1:9", "token": "x", "discover": False},
        environments=[{"name": "x", "repository": repository}],
    )
    assert scene.run("status", *CONFIG).code == 3
    scene.leave()


def unreadable_configuration(scene: CommandScene) -> None:
    """Tokens that cannot be sent, files that cannot be read, variables that make no sense."""
    word = scene.word
    at = {"url": f"http://{NOWHERE}", "tokenFile": "token"}
    scene.settings(gitea=at)
    for name, text in (("two lines", b"\nx"), ("other letters", b"\xff"), ("a control character", b"\x07")):
        (scene.folder / "token").write_bytes(word(f"a token of {name}").encode() + text)
        assert scene.run("status", *CONFIG).code != 0
    variables = {
        "CATALYST_GITEA": f'{{"token": "{word("a token in a torn variable")}"',
        "CATALYST_ENVIRONMENTS": json.dumps([{"name": "x", "url": [word("a url in a variable")]}]),
        "CATALYST_REGISTRY__HOSTS": json.dumps([{"host": f"me:{word('the password of a host in a variable')}@h"}]),
        "CATALYST_HTTP": f'{{"secret": "{word("http.secret in a torn variable")}"',
        "CATALYST_GITEA__TOKN": word("a misspelt variable"),
        "CATALYST_TRUST": word("a variable that is no mapping"),
    }
    for variable, value in variables.items():
        assert scene.run("status", *CONFIG, variables={variable: value}).code == 3
    proxies = {"HTTPS_PROXY": f"http://me:{word('the password of the proxy')}@{NOWHERE}"}
    proxies["HTTP_PROXY"] = proxies["https_proxy"] = proxies["http_proxy"] = proxies["HTTPS_PROXY"]
    (scene.folder / "token").write_text(word("a token for nobody"))
    assert scene.run("status", *CONFIG, variables=proxies).code == 3
    scene.leave()
