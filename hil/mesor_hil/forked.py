# SPDX-License-Identifier: MIT
"""Runs deeds in processes that are forked from one which has done what all of them share."""

from __future__ import annotations

import json
import os
import selectors
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mesor.errors import MesorError


class ForkedError(MesorError):
    """A process ended before it could say what it found."""


@dataclass(frozen=True, slots=True)
class _Child:
    """A forked process, what it was given, and what it has written so far."""

    process: int
    numbers: Sequence[int]
    written: bytearray


def forked(
    deed: Callable[[int], Any], shares: Sequence[Sequence[int]], jobs: int
) -> Iterator[tuple[int, Any]]:
    """Yield each number of the shares with what `deed` makes of it, as JSON can tell it.

    A process does one share, `jobs` of them run at a time.  Raises ForkedError where one dies.
    """
    rest = iter(shares)
    with selectors.DefaultSelector() as selector:
        for numbers in rest:
            _start(selector, deed, numbers)
            if len(selector.get_map()) >= jobs:
                yield from _ended(selector)
        while selector.get_map():
            yield from _ended(selector)


def _start(
    selector: selectors.BaseSelector, deed: Callable[[int], Any], numbers: Sequence[int]
) -> None:
    """Fork a process that does these, and writes what it found to a pipe."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as stream:
                json.dump([(number, deed(number)) for number in numbers], stream)
            status = 0
        finally:
            os._exit(status)  # nothing of the parent's is the child's to end
    os.close(writer)
    selector.register(reader, selectors.EVENT_READ, _Child(process, numbers, bytearray()))


def _ended(selector: selectors.BaseSelector) -> Iterator[tuple[int, Any]]:
    """Wait until some process has ended; yield what it wrote."""
    while True:
        for key, _ in selector.select():
            child: _Child = key.data
            if part := os.read(key.fd, 1 << 16):
                child.written.extend(part)
                continue
            selector.unregister(key.fd)
            os.close(key.fd)
            _, status = os.waitpid(child.process, 0)
            if status:
                raise ForkedError(
                    f"The process of {child.numbers[0]} to {child.numbers[-1]} ended with "
                    f"status {os.waitstatus_to_exitcode(status)}."
                )
            yield from ((int(number), found) for number, found in json.loads(child.written))
            return
