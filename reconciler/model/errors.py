"""Everything that can go wrong outside a document, as one small tree.

```
ReconcilerError                 any failure of ours to name: what, why, and what to do next
├── Unavailable       the other side did not answer as it should; trying again may help
├── Denied            the other side refused our credentials or our rights
├── Missing           the thing asked for does not exist
├── Corrupt           content is not what its digest, size or format promised
├── Untrusted         no signature holds that the policy accepts
├── Moved             a branch is no longer where we last saw it
├── Rejected          a server's rule turned our write down
└── Misconfigured     the reconciler's own configuration or installation cannot work
```

A problem in a person's document is not a ReconcilerError but a `Problem` (see `model.problem`). `world` maps each foreign
exception to one of these, at its border, and no message of theirs holds a secret.
"""

from __future__ import annotations

from typing import ClassVar


class ReconcilerError(Exception):
    """A failure outside any document.

    Attributes:
        reason: the published word for this kind of failure, such as a condition's reason; finer errors inherit it.
        message: one sentence: what failed, where, and why.
        hint: what a person can do next; empty when there is nothing to do but wait.
    """

    reason: ClassVar[str] = "Fault"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message and, when there is one, what to do next."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UnavailableError(ReconcilerError):
    """The other side did not answer as it should; trying again may help."""

    reason: ClassVar[str] = "Unavailable"


class AccessDeniedError(ReconcilerError):
    """The other side refused our credentials or our rights."""

    reason: ClassVar[str] = "Denied"


class NotFoundError(ReconcilerError):
    """The thing asked for does not exist."""

    reason: ClassVar[str] = "Missing"


class IntegrityError(ReconcilerError):
    """Content is not what its digest, size or format promised."""

    reason: ClassVar[str] = "Corrupt"


class UntrustedError(ReconcilerError):
    """No signature holds that the policy accepts."""

    reason: ClassVar[str] = "Untrusted"


class ConcurrentUpdateError(ReconcilerError):
    """A branch is no longer where we last saw it: look again, then decide again."""

    reason: ClassVar[str] = "Moved"


class RejectedError(ReconcilerError):
    """A server's rule (a hook, a protected branch) turned our write down."""

    reason: ClassVar[str] = "Rejected"


class ConfigurationError(ReconcilerError):
    """The reconciler's own configuration or installation cannot work."""

    reason: ClassVar[str] = "Misconfigured"
