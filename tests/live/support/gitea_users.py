"""People and robots on the real Gitea, each with rights of their own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from reconciler.formats.yaml.documents import dump, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.support.environment import Gitea, LiveEnvironment

_PASSWORD = "a long enough one"  # noqa: S105 - of users that the tests make


@dataclass(frozen=True)
class GiteaUser:
    """Somebody who is no administrator."""

    gitea: Gitea
    name: str

    @classmethod
    def made(cls, gitea: Gitea, name: str) -> GiteaUser:
        """Create the user, or take the one of that name."""
        body = {"username": name, "email": f"{name}@sandbox.invalid", "password": _PASSWORD, "must_change_password": False}
        if gitea.client.get(f"users/{name}").status_code == 404:
            gitea.client.post("admin/users", json=body).raise_for_status()
        return cls(gitea, name)

    @cached_property
    def token(self) -> str:
        """A token of the scopes that the README names."""
        body = {"name": f"t{id(self)}", "scopes": ["write:repository", "write:issue", "read:organization"]}
        url = f"{self.gitea.url}/api/v1/users/{self.name}/tokens"
        return str(httpx.post(url, json=body, auth=(self.name, _PASSWORD), timeout=30).raise_for_status().json()["sha1"])

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Ask the API as this user."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.post(f"{self.gitea.url}/api/v1/{path}", json=body, headers=headers, timeout=30)

    def may_write(self, repository: str) -> None:
        """Let an administrator make the user a collaborator who may write."""
        path = f"repos/{repository}/collaborators/{self.name}"
        self.gitea.client.put(path, json={"permission": "write"}).raise_for_status()

    def runs(self, stage: LiveEnvironment) -> None:
        """Let the reconciler be this user."""
        settings = load(stage.config.read_bytes(), "c").data
        settings["gitea"] |= {"username": self.name}
        stage.config.write_bytes(dump(settings))
        (stage.folder / "token").write_text(self.token)

    def clone(self, repository: str, folder: Path) -> Path:
        """A clone of a repository."""
        url = f"{self.gitea.url}/{repository}.git".replace("http://", f"http://{self.name}:{self.token}@")
        subprocess.run(["git", "clone", "-q", url, str(folder)], check=True, capture_output=True, timeout=60)
        return folder


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a clone; the caller looks at how it ended."""
    identity = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=False, capture_output=True, text=True, timeout=60)


def change(folder: Path, branch: str, files: dict[str, bytes]) -> str:
    """Commit some files on a new branch of main's; return the commit."""
    for arguments in (("fetch", "-q", "origin"), ("checkout", "-q", "-B", branch, "origin/main")):
        assert git(folder, *arguments).returncode == 0
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    assert git(folder, "add", "-A").returncode == 0
    assert git(folder, "commit", "-q", "-m", "a proposal").returncode == 0
    return git(folder, "rev-parse", "HEAD").stdout.strip()
