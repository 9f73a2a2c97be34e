"""The demo: one Environment's story from a push to a status, told while it happens.

It is typed by a person: every step is a command of git or of the reconciler, shown before it runs. Runs in the project's own
Python; `python3 deploy/sandbox demo` sees to that.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from string import Template
from typing import Any

import places
import signals
from kubernetes import client, config
from trouble import Trouble

from reconciler.formats.yaml.documents import dump, load, load_all

FIXTURES = places.CHECKOUT / "fixtures"
NAME, CONTEXT = "acme-prod", "hz-fsn-rtz-prod-acme"
# What acme-prod needs, with all that this needs in turn.
CATALOG = ("wordpress", "postgres", "valkey", "cnpg", "flux", "cert-manager", "cilium")
PASSWORD = "demo"  # noqa: S105 - of a key that lives as long as the demo
PATIENCE = 180.0  # seconds until all must run
COMMITS = "--format=%h %s"


class Story:
    """The demo's folder, its servers and its one Environment."""

    def __init__(self, *, live: bool, cosign: str | None = None) -> None:
        self.live = live
        self.cosign = cosign
        self.folder = places.cache() / "demo"
        self.work = self.folder / NAME
        self.config = self.folder / "reconciler.yaml"
        self.servers: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def tell(self) -> None:
        """Tell it from beginning to end; the servers are stopped again whatever happens."""
        began = time.monotonic()
        self._sandbox("down")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)
        try:
            self._set_the_stage()
            first = self._first_push()
            self._refused_push(first)
            self._keep_for_reading()
        finally:
            with signals.held():
                self._stop()
        self._look_for_yourself()
        say(f"\nTold in {time.monotonic() - began:.0f} s.")

    def _set_the_stage(self) -> None:
        everything = (
            "every server: registry, Gitea, Kubernetes, Flux" if self.live else "a registry; repositories on disk, no cluster"
        )
        chapter(f"The stage: {everything}")
        parts = [f"--only={part}" for part in (("registry", "gitea", "kubernetes") if self.live else ("registry",))]
        parts += ["--context", CONTEXT] if self.live else []
        own = ["--cosign", self.cosign] if self.cosign else []
        self.servers = json.loads(self._sandbox("up", "--json", *parts, *own))
        say(
            f"registry at {self.servers['registry']['host']}"
            + (f", Gitea at {self.servers['gitea']['url']}" if self.live else "")
        )
        run(self.servers["cosign"], "generate-key-pair", cwd=self.folder, quiet=True, environment={"COSIGN_PASSWORD": PASSWORD})
        chapter("Authors publish Blueprints: chart and blueprint.yaml as one OCI artifact, signed with cosign")
        self._publish(*(FIXTURES / "catalog" / name for name in CATALOG), sign=True)
        self._publish(FIXTURES / "hostile" / "unsigned-widget", sign=False)
        self._configure()

    def _publish(self, *folders: Path, sign: bool) -> None:
        where = ["--registry", self._prefix, "--plain-http", "--cosign", self.servers["cosign"]]
        how = ["--key", self.folder / "cosign.key"] if sign else ["--unsigned"]
        self._reconciler(
            "publish", *(f.relative_to(places.CHECKOUT) for f in folders), *where, *how, environment={"COSIGN_PASSWORD": PASSWORD}
        )

    @property
    def _prefix(self) -> str:
        return f"{self.servers['registry']['host']}/openova"

    def _configure(self) -> None:
        authority = {"name": "openova-release-key", "key": (self.folder / "cosign.pub").read_text()}
        policy = {"artifacts": [f"{self._prefix}/*"], "authorities": [authority]}
        write(self.folder / "trust" / ".catalyst-policies", b"")
        write(self.folder / "trust" / "openova.yaml", document("TrustPolicy", "openova", policy))
        settings: dict[str, Any] = {
            "sovereign": "demo",
            "state": "state",
            "catalogs": [{"prefix": self._prefix, "plainHttp": True}],
            "trust": {"directory": "trust"},
            "cosign": {"program": self.servers["cosign"]},
            "clusters": {"directory": "kubeconfigs"},
        }
        (self.folder / "kubeconfigs").mkdir()
        if self.live:
            gitea = self.servers["gitea"]
            settings["gitea"] = {
                "url": gitea["url"],
                "username": gitea["admin"],
                "tokenFile": gitea["token_file"],
                "discover": False,
            }
            settings["environments"] = [{"name": NAME, "repository": f"{gitea['admin']}/{NAME}"}]
            settings["intervals"] = {"poll": 1}
        else:
            settings["environments"] = [{"name": NAME, "url": f"file://{self._bare}"}]
        write(self.config, dump(settings))

    @property
    def _bare(self) -> Path:
        return self.folder / f"{NAME}.git"

    def _first_push(self) -> str:
        chapter(f"A person pushes what {NAME} shall be")
        self._make_repository()
        for file in sorted((FIXTURES / "environments" / NAME).rglob("*.yaml")):
            write(self.work / file.relative_to(FIXTURES / "environments" / NAME), file.read_bytes())
        self._commit_and_push("The first Applications")
        run("git", "show", "--stat", "--format=%h %an: %s", "main", cwd=self.work)
        chapter("The reconciler resolves it, checks every signature, and commits what Flux shall apply")
        if self.live:
            self._connect()
            self._start()
            self._await_subject(lambda subject: f"{NAME}: Ready" in subject)
        else:
            self._reconciler("once", "-c", self.config)
        self._fetch()
        run("git", "show", "--no-patch", "origin/resolved", cwd=self.work)
        chapter("The evidence: whose signature holds, and where it lies, by digest")
        self._show_evidence()
        chapter("The status: what was observed, and nothing else")
        if self.live:
            run("git", "log", "--reverse", COMMITS, "origin/status", cwd=self.work)
        self._reconciler("status", "-c", self.config, may_fail=True)
        if not self.live:
            say("No cluster is here, and so nothing is claimed: Unknown, with what to do about it.")
        return self._git("rev-parse", "origin/resolved")

    def _make_repository(self) -> None:
        if self.live:
            gitea = self.servers["gitea"]
            token = Path(gitea["token_file"]).read_text().strip()
            body = json.dumps({"name": NAME, "default_branch": "main"})
            headers = ["-H", f"Authorization: token {token}"]
            self._post(f"{gitea['url']}/api/v1/user/repos", body, headers[1].partition(": ")[2])
            url = f"{gitea['url']}/{gitea['admin']}/{NAME}.git".replace("http://", f"http://{gitea['admin']}:{token}@")
        else:
            run("git", "init", "-q", "--bare", "-b", "main", self._bare, quiet=True)
            url = str(self._bare)
        run("git", "init", "-q", "-b", "main", self.work, quiet=True)
        run("git", "remote", "add", "origin", url, cwd=self.work, quiet=True)

    def _commit_and_push(self, message: str) -> None:
        who = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
        run("git", "add", "--all", cwd=self.work, quiet=True)
        run("git", *who, "commit", "-q", "-m", message, cwd=self.work, quiet=True)
        run("git", "push", "-q", "origin", "main", cwd=self.work)

    def _refused_push(self, resolved: str) -> None:
        chapter("Then a push that names a Blueprint which nobody signed")
        application = {"blueprint": {"name": "bp-unsigned-widget", "version": "^1.0"}}
        write(self.work / "applications" / "guest-book.yaml", document("Application", "guest-book", application))
        self._commit_and_push("A guest book")
        if self.live:
            self._await_subject(lambda subject: "Refused" in subject)
        else:
            self._reconciler("once", "-c", self.config, may_fail=True)
        self._fetch()
        run("git", "log", "-1", COMMITS, "origin/status", cwd=self.work)
        self._reconciler("status", "-c", self.config, may_fail=True)
        if self._git("rev-parse", "origin/resolved") != resolved:
            raise Trouble("the refused push changed the resolved branch: this must never happen, please report it")
        say(f"The last good state is untouched: resolved is still {resolved[:10]}.")

    def _show_evidence(self) -> None:
        lock = load(self._git("show", "origin/resolved:environment.lock.yaml").encode(), "environment.lock.yaml").data
        for package in lock["packages"]:
            say(f"  {package['application']:<24} {package['blueprint']} {package['version']}")
            say(f"    artifact  {package['artifact'].removeprefix('oci://')}")
            for one in package["evidence"]:
                say(f"    signature {one['signature']}  by {one['authority']} (policy {one['policy']})")

    def _connect(self) -> None:
        """Give the reconciler the cluster's kubeconfig, and Flux the repository (deploy/flux/environment.yaml)."""
        gitea, kubernetes = self.servers["gitea"], self.servers["kubernetes"]
        shutil.copy(kubernetes["kubeconfig"], self.folder / "kubeconfigs" / f"{CONTEXT}.yaml")
        values = {
            "namespace": "flux-system",
            "cluster": CONTEXT,
            "url": f"{gitea['url']}/{gitea['admin']}/{NAME}.git",
            "username": gitea["admin"],
            "password": json.dumps(Path(gitea["token_file"]).read_text().strip()),
        }
        template = Template((places.CHECKOUT / "deploy" / "flux" / "environment.yaml").read_text().partition("---\n")[2])
        api = config.new_client_from_config(kubernetes["kubeconfig"])
        for source in load_all(template.substitute(values).encode(), "environment.yaml"):
            group, _, version = source.data["apiVersion"].rpartition("/")
            if group:
                plural = {"GitRepository": "gitrepositories", "Kustomization": "kustomizations"}[source.data["kind"]]
                client.CustomObjectsApi(api).create_namespaced_custom_object(group, version, "flux-system", plural, source.data)
            else:
                client.CoreV1Api(api).create_namespaced_secret("flux-system", source.data)

    def _start(self) -> None:
        command = [sys.executable, "-m", "reconciler", "run", "-c", str(self.config)]
        say(f"$ reconciler run -c {self.config} &")
        with (self.folder / "reconciler.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def _await_subject(self, true: Any) -> None:
        """Show each status commit as it comes, until one says what is waited for."""
        until, shown = time.monotonic() + PATIENCE, ""
        while time.monotonic() < until:
            if self._git("ls-remote", "origin", "refs/heads/status"):
                self._fetch()
                subject = self._git("log", "-1", "--format=%s", "origin/status")
                if subject != shown:
                    say(f"  {subject}")
                    shown = subject
                if true(subject):
                    return
            time.sleep(0.3)
        raise Trouble(f"the status came no further than {shown!r} in {PATIENCE:.0f} s; see {self.folder / 'reconciler.log'}")

    def _fetch(self) -> None:
        run("git", "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", cwd=self.work, quiet=True)

    def _keep_for_reading(self) -> None:
        """Leave the three branches in the person's clone; its way to a server that is gone is removed."""
        self._fetch()
        for branch in ("resolved", "status"):
            run("git", "branch", "-f", branch, f"origin/{branch}", cwd=self.work, quiet=True)
        run("git", "remote", "remove", "origin", cwd=self.work, quiet=True)

    def _look_for_yourself(self) -> None:
        chapter("Look for yourself")
        git = f"git -C {shlex.quote(str(self.work))}"
        say(f"{git} log --graph --oneline main resolved status")
        say(f"{git} show status:README.md            # the page that Gitea shows")
        say(f"{git} show status:status.yaml          # the same for programs")
        say(f"{git} show resolved:environment.lock.yaml")
        say(f"{git} ls-tree -r --name-only resolved  # what Flux applies")

    def _stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self._sandbox("down")

    def _sandbox(self, *arguments: str) -> str:
        command = [sys.executable, str(places.SANDBOX), *arguments, "--state", str(places.cache() / "demo-servers")]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise Trouble(f"the servers could not be handled ({arguments[0]}); the lines above say why")
        return done.stdout

    def _reconciler(self, *arguments: object, may_fail: bool = False, environment: dict[str, str] | None = None) -> None:
        say("$ " + shlex.join(["reconciler", *map(str, arguments)]))
        run(
            sys.executable,
            "-m",
            "reconciler",
            *arguments,
            cwd=places.CHECKOUT,
            shown=False,
            may_fail=may_fail,
            environment=environment,
        )

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.work, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()

    @staticmethod
    def _post(url: str, body: str, authorization: str) -> None:
        import urllib.request  # noqa: PLC0415 - only the live story needs it

        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers), timeout=30):  # noqa: S310 - our own loopback server
            pass


def run(
    *command: object,
    cwd: Path | None = None,
    quiet: bool = False,
    shown: bool = True,
    may_fail: bool = False,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command to its end, showing it and what it prints.

    Raises:
        Trouble: it failed, and was not said to be allowed to.
    """
    words = [str(word) for word in command]
    if shown and not quiet:
        say("$ " + shlex.join(words))
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not quiet or (done.returncode and not may_fail):
        for line in done.stdout.splitlines():
            say(f"  {line}")
    if done.returncode and not may_fail:
        raise Trouble(f"`{shlex.join(words[:4])} ...` failed with exit code {done.returncode}")


def chapter(title: str) -> None:
    """Begin a part of the story."""
    say(f"\n== {title}")


def say(text: str) -> None:
    """Say a line at once."""
    print(text, flush=True)


def document(kind: str, name: str, spec: dict[str, Any]) -> bytes:
    """A document of ours as a person would write it."""
    return dump({"apiVersion": "catalyst.openova.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def write(file: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def main() -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--cosign")
    signals.interrupt_on_every_ending()
    try:
        options = parser.parse_args()
        Story(live=options.live, cosign=options.cosign).tell()
    except Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
