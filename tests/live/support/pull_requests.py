"""Pull requests on the real Gitea."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from reconciler.domain.review.plan_comment import MARKER
from tests.live.support.environment import merged

if TYPE_CHECKING:
    from tests.live.support.environment import LiveEnvironment


def read_text(shown: str) -> str:
    """The text of a rendered page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())


class PullRequestsOnGitea:
    """An Environment's repository on Gitea, as its people use it."""

    def __init__(self, stage: LiveEnvironment) -> None:
        self.stage = stage
        self.api = stage.servers.gitea.client
        self.where = f"repos/{stage.organization}/{stage.name}"

    def get(self, path: str, **query: Any) -> Any:
        return self.api.get(f"{self.where}/{path}", params=query).raise_for_status().json()

    def branch(self, name: str, files: dict[str, bytes | None], *, start: str = "origin/main") -> str:
        """Push a branch of main with some changes, over what was there; return its commit."""
        stage = self.stage
        stage.git("fetch", "-q", "origin")
        stage.git("checkout", "-q", "-B", name, start)
        for path, content in files.items():
            file = stage.work / path
            file.unlink(missing_ok=True) if content is None else file.write_bytes(content)
        stage.git("add", "-A")
        stage.git("commit", "-q", "--allow-empty", "-m", "a proposal")
        stage.git("push", "-q", "--force", "origin", name)
        commit = stage.git("rev-parse", "HEAD")
        stage.git("checkout", "-q", "main")
        return commit

    def open(self, branch: str, title: str = "a proposal") -> int:
        """Open a pull request; return its number."""
        body = {"title": title, "head": branch, "base": "main"}
        return int(self.api.post(f"{self.where}/pulls", json=body).raise_for_status().json()["number"])

    def edit(self, number: int, **changes: Any) -> None:
        self.api.patch(f"{self.where}/pulls/{number}", json=changes).raise_for_status()

    def merge(self, number: int, how: str = "merge") -> None:
        merged(lambda: self.api.post(f"{self.where}/pulls/{number}/merge", json={"Do": how})).raise_for_status()
        self.stage.git("pull", "-q", "--ff-only", "origin", "main")

    def comments(self, number: int) -> list[dict[str, Any]]:
        return [one for one in self.get(f"issues/{number}/comments") if one["body"].startswith(MARKER)]

    def rendered(self, text: str) -> str:
        """A comment's text as Gitea's pages have it."""
        body = {"Text": text, "Mode": "comment", "Context": f"/{self.stage.organization}/{self.stage.name}"}
        return self.api.post("markdown", json=body).raise_for_status().text

    def comment(self, number: int) -> str:
        """The one comment, as people read it."""
        (one,) = self.comments(number)
        return read_text(self.rendered(one["body"]))

    def mark(self, commit: str) -> tuple[str, str]:
        """The state and the words of catalyst/plan."""
        found = {one["context"]: one for one in self.get(f"commits/{commit}/status")["statuses"] or ()}
        return found["catalyst/plan"]["status"], found["catalyst/plan"]["description"]

    def tree(self, branch: str) -> str | None:
        """The tree of a branch; None when there is none."""
        self.stage.git("fetch", "-q", "--prune", "origin")
        heads = self.stage.git("for-each-ref", "--format=%(tree)", f"refs/remotes/origin/{branch}")
        return heads or None
