"""Collaborators of which one call raises, counted over all of them from the start of a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Panic(BaseException):
    """As a native library's panic: no Exception."""


@dataclass
class FaultInjector:
    """Raises an error at one call of the collaborators that it wraps.

    Attributes:
        at: the call, from 1 since the last `begin`; 0 for none.
        error: what is raised.
        calls: the calls since the last `begin`, by what was called.
    """

    at: int = 0
    error: BaseException = field(default_factory=ZeroDivisionError)
    calls: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Count from the start."""
        self.calls.clear()

    def wrap(self, name: str, collaborator: Any) -> Any:
        """The collaborator, or the function, with each call counted, and one of them raising."""
        return _Wrapped(self, name, collaborator)

    def count(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self.at:
            raise self.error


class _Wrapped:
    def __init__(self, injector: FaultInjector, name: str, collaborator: Any) -> None:
        self._injector, self._name, self._collaborator = injector, name, collaborator

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._injector.count(self._name)
        return self._collaborator(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._collaborator, name)
        return _Wrapped(self._injector, f"{self._name}.{name}", attribute) if callable(attribute) else attribute
