# SPDX-License-Identifier: MIT
"""Reads quantities with units: "5 min", "12 mL/h", "15 mg/L"; and times of day: "06:30".

Every input file relies on this: a key names its unit (`tick_s = 300`) or its value does
(`tick = "5 min"`), and nothing is ever assumed.  Pure; exact until one last rounding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from mesor.errors import ScenarioError

# Digits and exponent are bounded, so that no text makes a huge ratio or an infinite float.
_QUANTITY = re.compile(
    r"\s*([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?)\s*(\S*)\s*"
)
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_QUOTED_MAX = 60


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: how it is written, what it measures, and its size in that kind's base unit."""

    symbol: str
    kind: str
    size: Fraction

    @property
    def counts_as_number(self) -> bool:
        """Say whether a bare number needs no unit: fractions and counts."""
        return self.symbol == ""


_MASS = {"kg": "1e6", "g": "1e3", "mg": "1", "ug": "1e-3", "ng": "1e-6"}
_VOLUME = {"L": "1", "dL": "0.1", "mL": "1e-3", "uL": "1e-6", "nL": "1e-9"}
_AMOUNT = {"mol": "1e6", "mmol": "1e3", "umol": "1", "nmol": "1e-3"}
_TIME = {"d": "24", "h": "1", "min": "1/60", "s": "1/3600", "ms": "1/3600000", "us": "1/3.6e9"}
_LENGTH = {"m": "1000", "cm": "10", "mm": "1", "um": "1e-3"}
_MEMORY = {"bytes": "1", "B": "1", "KiB": "1024", "kB": "1000", "MiB": "1048576"}
_RATIO = {"": "1", "%": "0.01", "percent": "0.01"}
_AREA = {"mm2": "1", "cm2": "100"}
_AGE = {"years": "1", "months": "1/12", "weeks": "28/1461"}
_TIME_WORDS = {
    "day": "d",
    "days": "d",
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "second": "s",
    "seconds": "s",
}


def _size(text: str) -> Fraction:
    """Return the exact size of a unit written as a decimal or as a ratio of two."""
    over, _, under = text.partition("/")
    return Fraction(over) / Fraction(under or "1")


def _all_units() -> dict[str, Unit]:
    """Return every unit by its folded symbol: the plain ones and their quotients."""
    plain = {
        "mass": _MASS,
        "volume": _VOLUME,
        "amount": _AMOUNT,
        "time": _TIME,
        "length": _LENGTH,
        "area": _AREA,
        "memory": _MEMORY,
        "age": _AGE,
        "fraction": _RATIO,
    }
    units = [
        Unit(symbol, kind, _size(text))
        for kind, sizes in plain.items()
        for symbol, text in sizes.items()
    ]
    quotients = [("mass", "volume"), ("amount", "volume"), ("mass", "time"), ("volume", "time")]
    quotients += [("mass", "mass")]
    units += [
        Unit(f"{over}/{under}", f"{first} per {second}", _size(a) / _size(b))
        for first, second in quotients
        for over, a in plain[first].items()
        for under, b in plain[second].items()
    ]
    units.append(Unit("mg*h/L", "area under a curve", Fraction(1)))
    return {_folded(unit.symbol): unit for unit in units}


def _folded(symbol: str) -> str:
    """Return a spelling that ignores case and the ways to write micro, square and times."""
    text = symbol.casefold().replace("μ", "u").replace("²", "2").replace("^", "")
    head, slash, last = text.rpartition("/")
    return head + slash + _TIME_WORDS.get(last, last)


_UNITS = _all_units()

# What a key may end in.  Keys write a quotient with "_": rate_max_mg_h.
_SUFFIXES = {
    _folded(unit.symbol).replace("/", "_").replace("%", "percent"): unit
    for unit in _UNITS.values()
    if unit.symbol not in ("", "%", "percent", "d", "B")
}
# "min" at the end of a key is a minimum, never minutes; "m" would swallow too much.
for _ambiguous in ("min", "m", "b"):
    _SUFFIXES.pop(_ambiguous, None)
_SUFFIXES["mg_h_l"] = _UNITS["mg*h/l"]
_SUFFIXES["percent"] = Unit("%", "fraction", Fraction(1, 100))
_NUMBER = Unit("", "fraction", Fraction(1))


def split_key(key: str) -> tuple[str, Unit]:
    """Return the key without its unit, and the unit: ("rate_max", mg/h) for rate_max_mg_h.

    A key without a unit comes back whole, with the unit of plain numbers.
    """
    words = key.split("_")
    for count in (3, 2, 1):
        suffix = "_".join(words[-count:])
        if len(words) > count and suffix in _SUFFIXES:
            return "_".join(words[:-count]), _SUFFIXES[suffix]
    return key, _NUMBER


def parse_quantity(text: str, unit: Unit) -> float:
    """Return the quantity that text states, in `unit`.

    "5 min" in s is 300.0.  Raises ScenarioError for what is not a number with a known
    unit of the right kind; a bare number passes only where the unit is that of numbers.
    """
    shown = repr(text if len(text) <= _QUOTED_MAX else text[:_QUOTED_MAX] + "…")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ScenarioError(f"{shown} is not a number with a unit; write it like {_example(unit)}")
    number, symbol = match.groups()
    given = _UNITS.get(_folded(symbol))
    if given is None:
        raise ScenarioError(f"{shown} has the unknown unit {symbol!r}; {_wanted(unit)}")
    if given.counts_as_number and not unit.counts_as_number:
        raise ScenarioError(f"missing unit in {shown}; {_wanted(unit)}")
    if given.kind != unit.kind:
        raise ScenarioError(
            f"{shown} is {_with_article(given.kind)}, not {_with_article(unit.kind)}; "
            f"{_wanted(unit)}"
        )
    return float(Fraction(number) * given.size / unit.size)


def _with_article(kind: str) -> str:
    """Return the name of a kind of quantity with its article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def time_of_day_s(text: str) -> int:
    """Return the seconds since midnight of "06:30"; raise ScenarioError for any other text."""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        shown = repr(text if len(text) <= _QUOTED_MAX else text[:_QUOTED_MAX] + "…")
        raise ScenarioError(f'{shown} is no time of day; write "00:00" to "23:59", like "06:30"')
    return 3600 * int(match[1]) + 60 * int(match[2])


def _wanted(unit: Unit) -> str:
    """Say how to write a quantity of this unit."""
    return f"write it in {unit.symbol}, like {_example(unit)}" if unit.symbol else "give a number"


def _example(unit: Unit) -> str:
    """Return an example of a quantity in this unit, in quotes."""
    return f'"1 {unit.symbol}"' if unit.symbol else '0.1 or "10 %"'
