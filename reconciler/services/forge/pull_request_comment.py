"""Maintains the reconciler's one comment on each pull request: posted once, found again after a restart, edited in place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from reconciler.domain.review.plan_comment import MARKER
from reconciler.model.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.forge import Comment


class CommentForge(Protocol):
    """The calls to a forge for comments; `adapters.gitea.Gitea` in production."""

    def comments(self, repository: str, number: int) -> Sequence[Comment]:
        """The comments of a pull request, the oldest first."""

    def comment(self, repository: str, comment: int) -> Comment:
        """One comment.

        Raises:
            NotFoundError: there is no such comment.
        """

    def post_comment(self, repository: str, number: int, text: str) -> int:
        """Post a comment on a pull request; return the comment's id."""

    def edit_comment(self, repository: str, comment: int, text: str) -> None:
        """Replace the text of a comment."""


class PlanCommentPublisher:
    """Publishes the plan comments of one repository. Raises ReconcilerErrors as the forge does.

    Args:
        forge: the repository's forge.
        user: the forge user of the reconciler, who posts the comments.
        repository: owner/name.
    """

    def __init__(self, forge: CommentForge, user: str, repository: str) -> None:
        self._forge, self._user, self._repository = forge, user.lower(), repository
        self._ids: dict[int, int] = {}  # comment ids by pull request number

    def upsert(self, number: int, text: str) -> None:
        """Post the comment on a pull request, or replace its text."""
        comment = self.find(number)
        if comment is None:
            self._ids[number] = self._forge.post_comment(self._repository, number, text)
        else:
            self.edit(comment, text)

    def edit(self, comment: Comment, text: str) -> None:
        """Replace the text of a comment, if it differs."""
        if comment.text != text:
            self._forge.edit_comment(self._repository, comment.id, text)

    def find(self, number: int) -> Comment | None:
        """The reconciler's comment on a pull request; the first one, should there ever be two.

        A comment whose id is known is read alone.
        """
        with suppress(NotFoundError):
            if number in self._ids:
                return self._forge.comment(self._repository, self._ids[number])
        comments = self._forge.comments(self._repository, number)
        own = next(
            (comment for comment in comments if comment.author.lower() == self._user and comment.text.startswith(MARKER)), None
        )
        if own is not None:
            self._ids[number] = own.id
        return own

    def forget(self, number: int) -> None:
        """Drop the comment id of a pull request that is closed."""
        self._ids.pop(number, None)
