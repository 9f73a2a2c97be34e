"""What a webhook's delivery is about: the repository to look at.

A delivery is only ever a wake-up. What it says of branches, commits or people is not believed: a pass looks itself. So a forged,
old or doubled one can cost a look, and do nothing else.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from reconciler.model.commit_status import SCORE_CONTEXT
from reconciler.model.layout import MAIN_REF

_PULL: Final = "pull_request"  # also `pull_request_approved`, `_rejected`, `_comment`: reviews, in Gitea's words


class _Repository(BaseModel):
    full_name: Annotated[str, Field(min_length=1, max_length=512)]


class _Body(BaseModel):
    repository: _Repository
    ref: str = ""
    context: str = ""


def changed_repository(event: str, body: bytes) -> str | None:
    """The repository (owner/name, in small letters: to Gitea they are the same) that a delivery calls to look at.

    None when nothing of interest happened there: what the reconciler writes makes no work, nor does any check but the one that
    policies ask for.

    Args:
        event: its kind, by `X-Gitea-Event`.
        body: its JSON.

    Raises:
        ValueError: the body is not what Gitea sends.
    """
    if event not in {"push", "status"} and not event.startswith(_PULL):
        return None
    try:
        said = _Body.model_validate_json(body)
    except ValidationError:
        raise ValueError("a delivery is a JSON object with repository.full_name") from None
    if event == "push" and said.ref != MAIN_REF:
        return None
    if event == "status" and said.context != SCORE_CONTEXT:
        return None
    return said.repository.full_name.lower()
