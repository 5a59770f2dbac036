"""Values that several threads ask for, and one of them makes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Values that are made once, also when several threads ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._made: dict[str, T] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value of a key.

        Args:
            key: The key.
            make: Makes the value, where there is none; another thread that asks for it waits.
        """
        with self._lock:
            own = self._locks.setdefault(key, threading.Lock())
        with own:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]
