"""All exceptions of the reconciler, as one tree, with the `reason` that is published for each.

```
ReconcilerError                       Fault          a failure outside any document
├── UnavailableError                  Unavailable    a server did not respond as expected; a retry may help
│   └── RetryableError                               adapters.registry.responses
│       └── NoResponseError                          adapters.registry.responses
├── AccessDeniedError                 Denied         a server refused our credentials or permissions
├── NotFoundError                     Missing        the requested object does not exist
├── IntegrityError                    Corrupt        content does not match its digest, size or format
│   ├── CorruptCloneError                            adapters.git.clone
│   ├── ExpressionError                              domain.values.expressions
│   ├── HelmRefusesError                             formats.yaml.helm_values
│   ├── NotATableError                               domain.blueprints.helm_coalescing
│   ├── SchemaUnusableError                          domain.values.schema_validator
│   ├── UnreadError                                  formats.yaml.helm_values
│   ├── SchemaCostError                              domain.values.schema_defaults
│   └── UnrepresentableNumberError                   formats.yaml.scalars
├── UntrustedError                    Untrusted      no valid signature is accepted by the policy
├── TooLargeError                     TooLarge       what was requested exceeds a limit
├── ConcurrentUpdateError             Moved          a branch is not at the commit that was last fetched
├── ForeignLockError                  ForeignLock    the head of `resolved` is not a commit of the reconciler
├── RejectedError                     Rejected       a rule of a server rejected our write
├── InternalError                     InternalError  a defect in the reconciler itself
└── ConfigurationError                Misconfigured  the reconciler's own configuration or installation is unusable
    └── MovedRepositoryError                         adapters.gitea.client

Exception
├── _DocumentRejected                                formats.yaml.reader
├── _LimitExceeded                                   domain.values.schema_cost
└── _NotPlainError                                   domain.values.expressions
```

A class with a module instead of a reason is internal to that part of the code: it inherits the published reason of its parent.
Those with an underscore never leave their module.

A problem in a document is not an error but a `Problem` (`model.problem`), and an unsolvable input is an answer
(`domain.resolution.outcomes`). The adapters map each foreign exception to one of these at their border; no message holds a
secret.
"""

from __future__ import annotations

from typing import ClassVar


class ReconcilerError(Exception):
    """A failure outside any document.

    Attributes:
        reason: the published word for this kind of failure, such as a condition's reason; subclasses inherit it.
        message: one sentence: what failed, where, and why.
        hint: the next step for a person; empty when only waiting helps.
    """

    reason: ClassVar[str] = "Fault"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Returns the message, with the hint if there is one."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UnavailableError(ReconcilerError):
    """A server did not respond as expected; a retry may help."""

    reason: ClassVar[str] = "Unavailable"


class AccessDeniedError(ReconcilerError):
    """A server refused our credentials or permissions."""

    reason: ClassVar[str] = "Denied"


class NotFoundError(ReconcilerError):
    """The requested object does not exist."""

    reason: ClassVar[str] = "Missing"


class IntegrityError(ReconcilerError):
    """Content does not match its digest, size or format."""

    reason: ClassVar[str] = "Corrupt"


class UntrustedError(ReconcilerError):
    """No valid signature is accepted by the policy."""

    reason: ClassVar[str] = "Untrusted"


class TooLargeError(ReconcilerError):
    """What was requested exceeds a limit; the message names both."""

    reason: ClassVar[str] = "TooLarge"


class ConcurrentUpdateError(ReconcilerError):
    """A branch is not at the commit that was last fetched: fetch again, then decide again."""

    reason: ClassVar[str] = "Moved"


class ForeignLockError(ReconcilerError):
    """The head of `resolved` is not a commit of the reconciler, or not the newest one."""

    reason: ClassVar[str] = "ForeignLock"


class RejectedError(ReconcilerError):
    """A rule of a server (a hook, a protected branch) rejected our write."""

    reason: ClassVar[str] = "Rejected"


class InternalError(ReconcilerError):
    """A defect in the reconciler itself: an exception that no code expects (`services.containment`)."""

    reason: ClassVar[str] = "InternalError"


class ConfigurationError(ReconcilerError):
    """The reconciler's own configuration or installation is unusable."""

    reason: ClassVar[str] = "Misconfigured"
