"""Scenes for canaries: a world of servers that want secrets, and in it folders from which our own commands are run."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx

from reconciler.adapters.cosign.runner import Cosign
from reconciler.formats.yaml.documents import dump
from reconciler.model.policy_removal import MARKER_FILE
from tests.live.support.canary.canary_tokens import HEX_PART, history, in_files
from tests.live.support.canary.credentialed_servers import CredentialedRegistry, basic
from tests.support.certificates import Authority
from tests.support.git_server import bare, commit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from tests.live.support.canary.canary_tokens import Canaries
    from tests.live.support.canary.process_monitor import CommandResult, ProcessMonitor
    from tests.live.support.environment import Servers

API: Final = "catalyst.openova.io/v1alpha1"
FORMATS: Final = (("--format", "text"), ("--format", "json"))
PROBLEM_FORMATS: Final = (*FORMATS, ("--format", "sarif"))
CONFIG: Final = ("-c", "reconciler.yaml")
NOWHERE: Final = "127.0.0.1:9"
CARRIED: Final = frozenset({"a Blueprint's default"})  # it is the Blueprint's, and Flux is to apply it
PATIENCE: Final = 30.0  # seconds for what takes some
KEEPER: Final = "keeper"  # the reconciler's user on Gitea
PASSED_ON: Final = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Trace:
    """Bytes in which nothing may be found, but for the canaries that belong there."""

    where: str
    data: bytes
    allowed: frozenset[str] = frozenset()


def document(kind: str, name: str, **spec: Any) -> str:
    """A document's text."""
    return dump({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}).decode()


class GuardedWorld:
    """What the scenes have in common.

    Attributes:
        reader: a registry that issues tokens, to the account `reader` and to Flux.
        sealed: the same registry behind TLS of its own authority, which asks for a password.
        key: cosign's private key file.
    """

    def __init__(self, servers: Servers, canaries: Canaries, watch: ProcessMonitor, folder: Path) -> None:
        self.servers, self.canaries, self.watch, self.folder = servers, canaries, watch, folder
        word = canaries.word
        self.passwords = {name: word(f"the registry password of {name}") for name in ("reader", "flux", "sealed")}
        accounts = {basic(name, self.passwords[name]): word(f"the registry token of {name}") for name in ("reader", "flux")}
        self.authority = Authority(folder, "authority")
        self.reader = CredentialedRegistry(servers.registry, accounts)
        self.sealed = CredentialedRegistry(
            servers.registry, {basic("sealed", self.passwords["sealed"]): "unused"}, self.authority.server()
        )
        self.tokens = dict(self._tokens(servers.gitea.client))
        self.key, self.public_key = self._key()

    def _tokens(self, admin: httpx.Client) -> Iterator[tuple[str, str]]:
        """Gitea's tokens for the reconciler, by the way on which they are to reach it, and one for Flux."""
        password = self.canaries.word("Gitea's password")
        user = {"username": KEEPER, "email": f"{KEEPER}@example.org", "password": password, "must_change_password": False}
        admin.post("admin/users", json=user).raise_for_status()
        admin.patch(f"admin/users/{KEEPER}", json={"admin": True, "source_id": 0, "login_name": KEEPER}).raise_for_status()
        with httpx.Client(base_url=admin.base_url, auth=(KEEPER, password), timeout=30) as keeper:
            for way in ("configuration", "file", "environment", "flux"):
                made = keeper.post(f"users/{KEEPER}/tokens", json={"name": way, "scopes": ["all"]})
                made.raise_for_status()
                yield way, self.canaries.hexadecimal(f"Gitea's token by {way}", made.json()["sha1"])

    def _key(self) -> tuple[Path, str]:
        password = self.canaries.word("the key's password")
        key, public = Cosign(self.servers.cosign).generate_key(self.folder, password, "signer")
        encrypted = "".join(key.read_text().splitlines()[1:-1])
        self.canaries.known("the private key", encrypted[-64:-8])  # its beginning says how it is encrypted
        return key, public.read_text()

    @property
    def key_password(self) -> dict[str, str]:
        """For `publish`."""
        return {"COSIGN_PASSWORD": self.canaries.words["the key's password"]}

    def docker_config(self) -> dict[str, Any]:
        """Credentials for both, in both forms."""
        sealed = {"username": "sealed", "password": self.passwords["sealed"]}
        return {
            self.reader.host: {"auth": basic("reader", self.passwords["reader"]).removeprefix("Basic ")},
            self.sealed.host: sealed,
        }


@dataclass
class CommandScene:
    """A folder with a configuration, from which commands are run; all that they say and leave is kept as traces."""

    world: GuardedWorld
    folder: Path
    traces: list[Trace] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    crashes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("trust", "kubeconfigs", "tmp"):
            (self.folder / name).mkdir(parents=True)
        authority = {"name": "release", "key": self.world.public_key}
        (self.folder / "trust" / MARKER_FILE).touch()
        (self.folder / "trust" / "p.yaml").write_text(document("TrustPolicy", "p", artifacts=["*"], authorities=[authority]))
        self.credentials(self.world.docker_config())

    def word(self, name: str) -> str:
        """A new canary."""
        self.names.add(name)
        return self.world.canaries.word(name)

    def number(self, name: str) -> int:
        """A new one of digits alone."""
        self.names.add(name)
        return int(self.world.canaries.known(name, f"9{secrets.randbelow(10**30):030}", HEX_PART))

    def credentials(self, auths: Mapping[str, Any]) -> None:
        """Write the docker config.json."""
        (self.folder / "docker.json").write_text(json.dumps({"auths": auths}))

    def settings(self, **changes: Any) -> Path:
        """Write the configuration: a fitting one but for the changes; None leaves a part out."""
        fitting = {
            "sovereign": "sandbox",
            "state": "state",
            "catalogs": [{"prefix": f"{self.world.reader.host}/canary", "plainHttp": True}],
            "registry": {"credentials": "docker.json", "timeout": 2},
            "trust": {"directory": "trust"},
            "cosign": {"program": str(self.world.servers.cosign)},
            "clusters": {"directory": "kubeconfigs"},
            "intervals": {"poll": 1, "retry": 1},
        }
        file = self.folder / "reconciler.yaml"
        file.write_bytes(dump({name: value for name, value in (fitting | changes).items() if value is not None}))
        return file

    def repository(
        self, organization: str, applications: Mapping[str, str], regions: Collection[str] = ("fsn",)
    ) -> dict[str, str]:
        """Make an Environment on disk with these files; return how it is configured."""
        placements = [{"cluster": f"hz-{region}-rtz-prod-{organization}", "region": region} for region in regions]
        spec = {"organization": organization, "envType": "prod", "placements": placements}
        name = f"{organization}-prod"
        where = bare(self.folder / "repositories" / name)
        commit(where, "main", {"environment.yaml": document("Environment", name, **spec), **applications})
        return {"name": name, "url": where.as_uri()}

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The variables of a command."""
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**passed, "TMPDIR": str(self.folder / "tmp"), **variables}

    def run(
        self,
        *arguments: str,
        allowed: Collection[str] = (),
        stdin: bytes = b"",
        tty: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run our own command."""
        environment = self.environment(variables or {})
        told = self.world.watch.run(*arguments, environment=environment, folder=self.folder, stdin=stdin, tty=tty)
        words = " ".join(arguments).replace(str(self.folder), ".")
        what = f"`reconciler {words}`{' on a terminal' if tty else ''} (exit code {told.code})"
        add = partial(self.add, allowed=allowed)
        add(f"standard output of {what}", told.out)
        add(f"standard error of {what}", told.err)
        if b"Traceback" in told.out + told.err:
            self.crashes.append(f"{what} crashed: {told.err.decode().splitlines()[-1]}")
        return told

    @contextlib.contextmanager
    def running(self) -> Iterator[Path]:
        """`run -v` meanwhile; gives its log."""
        arguments = ("run", "-v", "-c", "reconciler.yaml")
        with self.world.watch.running(*arguments, environment=self.environment({}), folder=self.folder) as said:
            yield said
        log = said.read_bytes()
        if b"Traceback" in log or b'"exception"' in log:
            self.crashes.append(f"`reconciler run -v` crashed: {log.decode()}")
        self.add("the log of `reconciler run -v`", log)

    def add(self, where: str, data: bytes, *, allowed: Collection[str] = ()) -> None:
        """Keep a trace."""
        self.traces.append(Trace(where, data, frozenset(allowed)))

    def history(self, repository: Path, pushed: Collection[str] = (), carried: Collection[str] = ()) -> None:
        """Keep all that stands in a repository's branches; what people pushed to `main` may be there."""
        for ref in _refs(repository):
            allowed = pushed if ref == "refs/heads/main" else carried
            self.add(f"the objects of {ref} in {repository.name}", history(repository, ref), allowed=allowed)

    def leave(self, pushed: Collection[str] = (), carried: Collection[str] = ()) -> None:
        """Keep all that stands on disk after the commands: nothing of what is temporary, and a state that others cannot read."""
        left = [*(self.folder / "tmp").rglob("*")]
        assert not left, left
        for repository in sorted((self.folder / "repositories").glob("*")):
            self.history(repository, pushed, carried)
        state = self.folder / "state"
        if state.exists():
            assert not state.stat().st_mode & 0o077, "others may look into the state directory"
        for where, data in itertools.chain(in_files(state), in_files(self.folder / "written")):
            self.add(where, data, allowed={*pushed, *carried})


def application(name: str, wanted: str = "bp-app", **spec: Any) -> dict[str, str]:
    """An Application's file, by its path."""
    text = document("Application", name, blueprint={"name": wanted, "version": "*"}, **spec)
    return {f"applications/{name}.yaml": text}


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def _refs(repository: Path) -> list[str]:
    """All refs of a repository."""
    command = ["git", "-C", str(repository), "for-each-ref", "--format=%(refname)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
