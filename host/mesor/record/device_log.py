# SPDX-License-Identifier: MIT
"""The log that a pump keeps in its flash, pulled to a file: read, verified, told in lines.

The file is the ring as it stands in the flash, page by page (pump.spec.journal).  The chain
shows what was altered, removed or moved between its oldest page and its newest; like that of a
run's log it has no key, so noting the last link elsewhere is what tells a log made anew.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mesor.errors import RecordError
from pump.spec import journal as at
from pump.spec import messages, reasons
from pump.spec import record as tick_record

_ERASED = b"\xff" * at.PAGE_BYTES
_KINDS = {
    at.BOOT: "boot",
    at.COMMAND: "command",
    at.TICK: "tick",
    at.FAULT: "fault",
    at.ALARM: "alarm",
    at.FULL: "ring full",
    at.HISTORY: "history",
    at.RELIEF: "relief",
    at.RESTORED: "restored",
}
_COMMANDS = {
    messages.PROGRAM_END: "program",
    messages.START: "start",
    messages.TAKE_OVER: "takeover",
    messages.STOP: "stop",
    messages.MAINTENANCE: "maintenance",
    messages.CONFIRM: "confirm soft limit",
    messages.ACKNOWLEDGE: "acknowledge alarm",
    messages.SILENCE: "silence",
}
_ANSWERS = (messages.CONFIRM, messages.ACKNOWLEDGE, messages.SILENCE)  # of a person
_OF_PROGRAM = (messages.START, messages.TAKE_OVER)
_FAULTS = {
    value: name.removeprefix("FAULT_").replace("_", " ").lower()
    for name, value in vars(reasons).items()
    if name.startswith("FAULT_")
}


@dataclass(frozen=True, slots=True)
class Page:
    """One record of the log."""

    kind: str
    sequence: int
    time_s: int  # of the log's own clock, which stands still without power
    boot: int  # starts of the firmware so far
    volume_steps: int  # microsteps ever, this page's included
    steps: int  # microsteps that this page accounts for
    reserve_steps: int  # at most so many before the next page
    content: tuple[int, ...]
    link_before: bytes
    link: bytes

    @property
    def text(self) -> str:
        """Return the record in one line."""
        head = f"{self.sequence:7} boot {self.boot:<4} {self.time_s:9} s  {self.kind}"
        try:
            detail = self._detail()
        except IndexError:
            detail = f"of {len(self.content)} words, too few: no firmware of ours wrote it"
        return f"{head:45} {detail}".rstrip()

    def _detail(self) -> str:
        """Return what the content says."""
        if self.kind == "command":
            name = _COMMANDS.get(self.content[0], f"command {self.content[0]}")
            if self.content[0] in _ANSWERS:
                return f"{name} {self.content[4]}"
            text = f"{name}, result {self.content[1]}, clock factor {self.content[3]}"
            if self.content[0] in _OF_PROGRAM:
                text += f", program {self.content[5] & 0xFFFFFFFF:08x}"
            if self.content[0] == messages.START:
                minutes = self.content[6] // 60
                text += f", at {minutes // 60:02}:{minutes % 60:02}"
            return text
        if self.kind in ("tick", "fault"):
            tick = f"tick {self.content[tick_record.TICK]}, {self.steps} steps"
            fault = _FAULTS.get(self.content[tick_record.FAULT_REASON], "unknown")
            return tick if self.kind == "tick" else f"{tick}: {fault}"
        if self.kind == "alarm":
            return f"flags {self.content[0]:#x}"
        if self.kind == "relief":
            return f"{self.content[1]} of {self.content[0]} steps back out of a blocked line"
        if self.kind == "restored":
            return f"program {self.content[0] & 0xFFFFFFFF:08x}, as it was kept in flash"
        if self.kind == "history":
            return f"part {self.content[0]}, {sum(self.content[1:])} steps"
        return f"{self.steps} steps charged" if self.steps else ""


@dataclass(frozen=True, slots=True)
class BlackBox:
    """What the pump kept of one fault: its page, then those before it, the newest first."""

    number: int
    pages: tuple[Page, ...]
    broken: str | None

    @property
    def text(self) -> str:
        """Return the box in one line."""
        held = f"{len(self.pages) - 1} pages before it"
        verdict = f"broken: {self.broken}" if self.broken else "intact"
        return f"black box {self.number}, {held}, {verdict}: {self.pages[0].text.strip()}"


@dataclass(frozen=True, slots=True)
class DeviceLog:
    """What a pulled log holds, the oldest page first."""

    pages: tuple[Page, ...]
    spoilt: int  # pages that a power cut left half written; nothing is lost with them
    worn: tuple[int, ...]  # numbers of pages that did not hold what the next one then took
    broken: str | None  # a sentence on the first page that the chain does not hold
    boxes: tuple[BlackBox, ...] = ()


def read_device_log(path: Path) -> DeviceLog:
    """Return what a pulled log holds; raise RecordError where it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
    if not content or len(content) % (at.PAGE_BYTES * at.SECTOR_PAGES):
        raise RecordError(
            f"{path} has {len(content)} bytes, and a device log is whole sectors of "
            f"{at.PAGE_BYTES * at.SECTOR_PAGES} bytes; pull it again with `mesor log pull`."
        )
    boxes = content[at.RING_BYTES :] if len(content) == at.RING_BYTES + at.BOXES_BYTES else b""
    return device_log(content[: len(content) - len(boxes)], boxes)


def device_log(content: bytes, boxes: bytes = b"") -> DeviceLog:
    """Return what a ring of pages holds, and the black boxes beside it."""
    count = len(content) // at.PAGE_BYTES
    pages: list[Page] = []
    spoilt: list[int] = []  # places
    altered: list[int] = []
    for place in range(count):
        raw = content[place * at.PAGE_BYTES : (place + 1) * at.PAGE_BYTES]
        if raw == _ERASED:
            continue
        page = _page(raw)
        if page is None:
            spoilt.append(place)
        elif page.sequence % count != place:
            altered.append(page.sequence)
        else:
            pages.append(page)
    pages.sort(key=lambda page: page.sequence)
    worn = _passed_over(pages)
    spoilt = sorted(set(spoilt) - {sequence % count for sequence in worn})
    pages = _without_half_erased(pages, {place // at.SECTOR_PAGES for place in spoilt}, count)
    broken = _first_break(pages, altered, len(spoilt))
    return DeviceLog(tuple(pages), len(spoilt), worn, broken, _black_boxes(boxes, pages))


def _passed_over(pages: list[Page]) -> tuple[int, ...]:
    """Return the numbers that the pump left out where its chain goes on: of worn pages."""
    worn: list[int] = []
    for before, page in pairwise(pages):
        if page.boot == before.boot and page.link_before == before.link:
            worn += range(before.sequence + 1, page.sequence)
    return tuple(worn)


def _black_boxes(content: bytes, ring: list[Page]) -> tuple[BlackBox, ...]:
    """Return the boxes that hold a fault, each held against its own chain and the log's."""
    box_bytes = at.PAGE_BYTES * at.SECTOR_PAGES
    links = {page.sequence: page.link for page in ring}
    boxes = []
    for number, begin in enumerate(range(0, len(content), box_bytes)):
        raws = [content[begin + k * at.PAGE_BYTES :][: at.PAGE_BYTES] for k in range(16)]
        pages = [_page(raw) for raw in raws if raw != _ERASED]
        whole = tuple(page for page in pages if page is not None)
        if whole and pages[0] is not None:
            # A cut while it was filled leaves its last page half written.
            broken = _break_of_box(whole, links)
            if None in pages[:-1]:
                broken = f"page {pages.index(None) + 1} of the box was altered"
            boxes.append(BlackBox(number, whole, broken))
    return tuple(boxes)


def _break_of_box(pages: tuple[Page, ...], links: dict[int, bytes]) -> str | None:
    """Return a sentence on the first page that does not follow the one after it, or None."""
    for page, before in pairwise(pages):
        if page.link_before != before.link:
            return f"page {page.sequence} does not follow page {before.sequence}"
    for page in pages:
        if links.get(page.sequence, page.link) != page.link:
            return f"page {page.sequence} is another one in the log"
    return None


def _without_half_erased(pages: list[Page], spoilt_sectors: set[int], count: int) -> list[Page]:
    """Leave off what a cut left of the oldest sector, that was just being erased."""
    if not pages:
        return pages
    oldest = pages[0].sequence // at.SECTOR_PAGES
    is_newest = pages[-1].sequence // at.SECTOR_PAGES == oldest
    if is_newest or oldest % (count // at.SECTOR_PAGES) not in spoilt_sectors:
        return pages
    if pages[-1].sequence - pages[0].sequence < count // 2:
        return pages  # the ring has not come round: nothing was erased yet
    return [page for page in pages if page.sequence // at.SECTOR_PAGES != oldest]


def _page(raw: bytes) -> Page | None:
    """Return a page's record, None for one that is not whole."""
    words = array("i", raw)
    link = raw[4 * at.AT_LINK :]
    kind = words[at.AT_KIND]
    if kind & ~at.KIND_MASK != at.MAGIC or words[at.AT_SEQUENCE] < 0:
        return None
    if hashlib.sha256(raw[: 4 * at.AT_LINK]).digest() != link:
        return None
    used = words[at.AT_COUNT]
    return Page(
        kind=_KINDS.get(kind & at.KIND_MASK, f"kind {kind & at.KIND_MASK}"),
        sequence=words[at.AT_SEQUENCE],
        time_s=words[at.AT_TIME_S],
        boot=words[at.AT_BOOT],
        volume_steps=words[at.AT_VOLUME],
        steps=words[at.AT_STEPS],
        reserve_steps=words[at.AT_RESERVE],
        content=tuple(words[at.AT_CONTENT : at.AT_CONTENT + min(max(used, 0), at.CONTENT_WORDS)]),
        link_before=raw[4 * at.AT_LINK_BEFORE : 4 * at.AT_LINK],
        link=link,
    )


def _first_break(pages: list[Page], altered: list[int], spoilt: int) -> str | None:
    """Return a sentence on the first page that does not follow the one before it, or None."""
    if altered:
        return f"page {altered[0]} does not stand where it was written"
    for before, page in pairwise(pages):
        if page.link_before != before.link:
            return f"page {page.sequence} does not follow page {before.sequence}: one was altered"
    if pages and pages[0].sequence == 0 and any(pages[0].link_before):
        return "the first page follows another one"
    # A cut spoils at most one page and one sector; between them the firmware was started.
    boots = len({page.boot for page in pages})
    if spoilt > (boots + 1) * at.SECTOR_PAGES:
        return f"{spoilt} pages are spoilt, more than {boots} power cuts can have done"
    return None


def as_json(log: DeviceLog) -> dict[str, object]:
    """Return what `mesor log verify --json` prints."""
    last = log.pages[-1] if log.pages else None
    return {
        "intact": log.broken is None,
        "break": log.broken,
        "pages": len(log.pages),
        "spoilt": log.spoilt,
        "worn": list(log.worn),
        "volume_steps": last.volume_steps if last else 0,
        "last_link": last.link.hex() if last else "",
        "black_boxes": [
            {
                "number": box.number,
                "fault": box.pages[0].text.strip(),
                "pages_before": [page.text.strip() for page in box.pages[1:]],
                "break": box.broken,
            }
            for box in log.boxes
        ],
    }
