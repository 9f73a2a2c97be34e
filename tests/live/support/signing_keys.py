"""The signers of the tests: one that trust policies accept, and one that they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.commands.publish import SigningKey


@dataclass(frozen=True)
class SigningKeys:
    """A signer whom the tests' trust policies accept, and one whom they do not."""

    trusted: SigningKey
    stranger: SigningKey
