"""The one comment of ours on each pull request of a repository: written once, found again, and kept up to date in place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from reconciler.domain.review.plan_comment import MARKER
from reconciler.model.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.forge import Comment


class CommentForge(Protocol):
    """What comments need of a forge; `adapters.gitea.Gitea` in production."""

    def comments(self, repository: str, number: int) -> Sequence[Comment]:
        """The comments of a pull request, the oldest first."""

    def comment(self, repository: str, comment: int) -> Comment:
        """A comment; raises Missing when there is none."""

    def post_comment(self, repository: str, number: int, text: str) -> int:
        """Comment on a pull request; the comment's id."""

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        """Put another text into a comment."""


class PlanCommentPublisher:
    """The comments of ours. Raises ReconcilerErrors as the forge does.

    Args:
        forge: where they are.
        user: as whom the reconciler comments there.
        repository: owner/name.
    """

    def __init__(self, forge: CommentForge, user: str, repository: str) -> None:
        self._forge, self._user, self._repository = forge, user.lower(), repository
        self._known: dict[int, int] = {}  # ids, by the number of their pull request

    def upsert(self, number: int, text: str) -> None:
        """Have the comment on a pull request say this."""
        ours = self.find(number)
        if ours is None:
            self._known[number] = self._forge.post_comment(self._repository, number, text)
        else:
            self.edit(ours, text)

    def edit(self, ours: Comment, text: str) -> None:
        """Have a comment say this, if it does not."""
        if ours.text != text:
            self._forge.edit_comment(self._repository, ours.id, text)

    def find(self, number: int) -> Comment | None:
        """The comment on a pull request: the first one, should there ever be two. One that is known is asked for alone."""
        with suppress(NotFoundError):
            if number in self._known:
                return self._forge.comment(self._repository, self._known[number])
        found = self._forge.comments(self._repository, number)
        ours = next((one for one in found if one.author.lower() == self._user and one.text.startswith(MARKER)), None)
        if ours is not None:
            self._known[number] = ours.id
        return ours

    def forget(self, number: int) -> None:
        """Forget a pull request that is closed."""
        self._known.pop(number, None)
