"""The Git forge: Gitea on SQLite, with one administrator and a token of theirs."""

from __future__ import annotations

import os
import secrets
import subprocess
from typing import TYPE_CHECKING

import http_json
import places
from servers import HOST, Ports, Server
from trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from build import Built

ADMIN = "catalyst-admin"

# Off: what would reach outside this machine, what a test never looks at and what would make a start slow.
# `loopback` lets web hooks reach the reconciler on this machine.
_CONFIG = """\
APP_NAME = Catalyst sandbox
RUN_MODE = prod
WORK_PATH = {folder}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = {root}
[server]
PROTOCOL = http
HTTP_ADDR = {host}
HTTP_PORT = {port}
ROOT_URL = http://{host}:{port}/
STATIC_ROOT_PATH = {share}
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
SQLITE_JOURNAL_MODE = WAL
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
INTERNAL_TOKEN = {internal}
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[service]
DISABLE_REGISTRATION = true
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[session]
PROVIDER = memory
[webhook]
ALLOWED_HOST_LIST = loopback
[mailer]
ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = false
[federation]
ENABLED = false
[cron.update_checker]
ENABLED = false
[log]
MODE = console
LEVEL = Info
"""


class Forge:
    """Gitea with its data in `folder`."""

    def __init__(self, built: Built, folder: Path) -> None:
        self._built = built
        self._config = folder / "app.ini"
        self._folder = folder
        self.token_file = folder / "admin-token"
        self.server = Server(
            "gitea",
            ports=("http",),
            command=self._command,
            healthy=lambda ports: http_json.answers(f"{self.url(ports)}/api/healthz"),
            env=self._env(),
        )

    @staticmethod
    def url(ports: Ports) -> str:
        """Return the address that people and programs use."""
        return f"http://{HOST}:{ports['http']}"

    def admit_admin(self) -> None:
        """Create the administrator and write a token with every right to `token_file`; once, on a running server.

        Raises:
            Trouble: Gitea refused.
        """
        self._admin(
            "create",
            "--admin",
            "--username",
            ADMIN,
            "--email",
            f"{ADMIN}@sandbox.invalid",
            "--random-password",
            "--must-change-password=false",
        )
        token = self._admin("generate-access-token", "--username", ADMIN, "--token-name", "sandbox", "--scopes", "all", "--raw")
        # Run by root, Gitea prints a warning before it.
        places.write(self.token_file, token.split()[-1] + "\n", 0o600)

    def _command(self, ports: Ports) -> list[str | Path]:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(
            folder=self._folder,
            root=str(os.geteuid() == 0).lower(),
            host=HOST,
            port=ports["http"],
            share=self._built.share,
            secret=secrets.token_hex(32),
            internal=secrets.token_hex(32),
        )
        places.write(self._config, text, 0o600)
        return [self._built.binary, "web", "--config", self._config]

    def _env(self) -> dict[str, str]:
        # No git setting of this machine's may change what the forge does.
        return {"GITEA_WORK_DIR": str(self._folder), "GIT_CONFIG_NOSYSTEM": "1"}

    def _admin(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._built.binary, "admin", "user", *arguments, "--config", self._config],
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder), **self._env()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise Trouble(f"gitea refused `admin user {arguments[0]}`: {(done.stderr or done.stdout).strip()}")
        return done.stdout
