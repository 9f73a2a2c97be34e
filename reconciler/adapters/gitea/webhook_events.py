"""Reads from a webhook's delivery which repository changed.

A delivery is only a wake-up. Its statements about branches, commits or people are not used: a pass fetches them itself. So a
forged, old or duplicate delivery costs at most one pass.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from reconciler.model.commit_status import SCORE_CONTEXT
from reconciler.model.layout import MAIN_REF

_PULL: Final = "pull_request"  # also `pull_request_approved`, `_rejected`, `_comment`: reviews, in Gitea's terms


class _Repository(BaseModel):
    full_name: Annotated[str, Field(min_length=1, max_length=512)]


class _Body(BaseModel):
    repository: _Repository
    ref: str = ""
    context: str = ""


def changed_repository(event: str, body: bytes) -> str | None:
    """Returns the changed repository (owner/name in lower case, because Gitea ignores case).

    None for an irrelevant event: the reconciler's own writes need no pass, nor do commit statuses, except the one that policies
    require.

    Args:
        event: the value of `X-Gitea-Event`.
        body: the JSON of the delivery.

    Raises:
        ValueError: the body does not have Gitea's format.
    """
    if event not in {"push", "status"} and not event.startswith(_PULL):
        return None
    try:
        delivery = _Body.model_validate_json(body)
    except ValidationError:
        raise ValueError("a delivery is a JSON object with repository.full_name") from None
    if event == "push" and delivery.ref != MAIN_REF:
        return None
    if event == "status" and delivery.context != SCORE_CONTEXT:
        return None
    return delivery.repository.full_name.lower()
