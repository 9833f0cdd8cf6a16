# SPDX-License-Identifier: MIT
"""What is heard and seen: pulses and flashing counted against IEC 60601-1-8's figures."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core.alarms import RED, SOUND, YELLOW, Annunciator
from pump.spec import alarm_words, alarms, limits, reasons

HIGH, MEDIUM, LOW = reasons.FAULT_OCCLUSION, alarms.SENSOR_STALE, alarms.RESERVOIR_LOW
EXAMPLES = {alarms.HIGH: HIGH, alarms.MEDIUM: MEDIUM, alarms.LOW: LOW}
NUMBERS = [number for number, _, _ in alarms.TABLE]


def shown(annunciator: Annunciator, end_ms: int, start_ms: int = 0) -> list[int]:
    """Return what is shown in each millisecond, the App looking only when it is asked to."""
    seen, look_ms, bits = [], start_ms, 0
    for now_ms in range(start_ms, end_ms):
        if now_ms >= look_ms:
            bits = annunciator.show(now_ms)
            look_ms = now_ms + max(1, annunciator.wait_ms(now_ms))
        seen.append(bits)
    return seen


def starts(seen: list[int], bit: int) -> list[int]:
    """Return the milliseconds at which `bit` comes on."""
    return [i for i, (a, b) in enumerate(pairwise([~seen[0], *seen])) if b & bit and not a & bit]


@pytest.mark.hazard("unheard_alarm")
@pytest.mark.parametrize(
    ("priority", "pulses", "length_ms", "pause_ms"),
    [
        (alarms.HIGH, 10, (75, 200), (2_500, 15_000)),
        (alarms.MEDIUM, 3, (125, 250), (2_500, 30_000)),
        (alarms.LOW, 1, (125, 250), (15_000, 60_000)),
    ],
)
def test_a_burst_has_its_pulses_and_its_pause(
    priority: int, pulses: int, length_ms: tuple[int, int], pause_ms: tuple[int, int]
) -> None:
    """Who hears the third burst knows the priority without a look."""
    annunciator = Annunciator()
    annunciator.add(1 << EXAMPLES[priority], 0)
    seen = shown(annunciator, 40_000)
    on = starts(seen, SOUND)
    off = starts([~bits for bits in seen], SOUND)[:pulses]
    assert all(length_ms[0] <= b - a <= length_ms[1] for a, b in zip(on, off, strict=False))
    gaps = [b - a for a, b in zip(off, on[1 : pulses + 1], strict=True)]
    assert pause_ms[0] <= gaps[-1] <= pause_ms[1]
    assert all(gap < 1_000 for gap in gaps[:-1])


@pytest.mark.parametrize(
    ("priority", "lamp", "least_hz", "most_hz"),
    [(alarms.HIGH, RED, 1.4, 2.8), (alarms.MEDIUM, YELLOW, 0.4, 0.8), (alarms.LOW, YELLOW, 0, 0)],
)
def test_a_light_has_its_colour_and_flashes_as_often_as_the_standard_says(
    priority: int, lamp: int, least_hz: float, most_hz: float
) -> None:
    """Red 1.4 to 2.8 Hz, yellow 0.4 to 0.8 Hz, low priority steady; half of the time on."""
    annunciator = Annunciator()
    annunciator.add(1 << EXAMPLES[priority], 0)
    seen = shown(annunciator, 50_000)
    other = (RED | YELLOW) & ~lamp
    assert not any(bits & other for bits in seen)
    if most_hz == 0:
        assert all(bits & lamp for bits in seen)
    else:
        assert least_hz <= len(starts(seen, lamp)) / 50 <= most_hz
        assert 0.2 < sum(bool(bits & lamp) for bits in seen) / len(seen) < 0.6


def test_the_more_urgent_alarm_is_the_one_that_is_shown() -> None:
    """And when it is answered the other is again."""
    annunciator = Annunciator()
    annunciator.add(1 << MEDIUM | 1 << HIGH, 0)
    assert annunciator.show(0) == SOUND | RED
    annunciator.update(1 << MEDIUM, 10)
    assert annunciator.acknowledge(HIGH, 20)
    assert annunciator.show(20) == SOUND | YELLOW


def test_an_alarm_stays_until_its_cause_is_gone_and_a_person_has_seen_it() -> None:
    """In either order; neither alone lets go of it."""
    gone_first, seen_first = Annunciator(), Annunciator()
    for annunciator in (gone_first, seen_first):
        assert annunciator.update(1 << HIGH, 0)
    gone_first.update(0, 10)
    assert gone_first.latched == 1 << HIGH
    assert gone_first.acknowledge(HIGH, 20)
    assert gone_first.latched == 0
    assert seen_first.acknowledge(HIGH, 10)
    assert seen_first.show(10) == RED  # seen, so quiet; there, so lit
    seen_first.update(0, 20)
    assert (seen_first.latched, seen_first.show(20)) == (0, 0)


@given(st.integers(-5, 40))
def test_what_does_not_wait_for_a_person_cannot_be_acknowledged(number: int) -> None:
    """A wrong number is refused, and refused again once it has been accepted."""
    annunciator = Annunciator()
    annunciator.add(1 << HIGH, 0)
    assert annunciator.acknowledge(number, 1) == (number == HIGH)
    assert not annunciator.acknowledge(number, 2)


def test_silence_ends_by_itself_and_hides_no_light() -> None:
    """Two minutes at the most."""
    annunciator = Annunciator()
    annunciator.add(1 << HIGH, 0)
    assert not annunciator.silence(limits.SILENCE_S_MAX + 1, 0)
    assert annunciator.silence(limits.SILENCE_S_MAX, 0)
    seen = shown(annunciator, 125_000)
    assert limits.SILENCE_S_MAX == 120
    assert 119_900 <= starts(seen, SOUND)[0] <= 120_001
    assert starts(seen[:1000], RED)


def test_a_new_alarm_breaks_the_silence() -> None:
    """Silence is for what one has heard."""
    annunciator = Annunciator()
    annunciator.add(1 << MEDIUM, 0)
    annunciator.silence(120, 0)
    assert not annunciator.show(0) & SOUND
    annunciator.update(1 << MEDIUM | 1 << LOW, 100)
    assert annunciator.show(100) & SOUND


@given(st.lists(st.tuples(st.integers(0, (1 << 30) - 1), st.integers(0, 5000)), max_size=30))
def test_nothing_that_was_present_is_ever_lost_unseen(updates: list[tuple[int, int]]) -> None:
    """Whatever conditions come and go, each that was there waits for a person."""
    annunciator, now_ms, ever = Annunciator(), (1 << 30) - 40_000, 0
    for bits, pause_ms in updates:
        now_ms = (now_ms + pause_ms) % (1 << 30)
        annunciator.update(bits, now_ms)
        ever |= bits
        assert annunciator.waiting == annunciator.latched == ever
        assert 0 <= annunciator.wait_ms(now_ms) <= 60_000


def test_every_alarm_has_a_priority_an_action_and_words() -> None:
    """Cause, remedy and time of detection in plain words, for each number of the table."""
    assert len(set(NUMBERS)) == len(NUMBERS)
    assert all(0 <= number <= alarms.ALARM_MAX for number in NUMBERS)
    assert set(alarm_words.WORDS) == set(NUMBERS)
    for name, *sentences in alarm_words.WORDS.values():
        assert name == name.lower() and " " not in name
        assert all(text.strip() and not text.endswith(".") for text in sentences)
    for number, priority, action in alarms.TABLE:
        assert (action == alarms.STOP) == (0 < number <= reasons.FAULT_LOG)
        assert action != alarms.STOP or priority == alarms.HIGH


@given(st.integers(1, (1 << 30) - 1))
def test_the_lowest_alarm_is_found(bits: int) -> None:
    """The fault that is named when several come at once."""
    assert 1 << alarms.lowest(bits) == bits & -bits
