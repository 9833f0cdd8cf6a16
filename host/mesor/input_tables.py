# SPDX-License-Identifier: MIT
"""Reads TOML input files into frozen pydantic sections, with one clear sentence per mistake.

Scenarios are read through here; any other input file can be.  A quantity may be
spelled `duration_h = 24` or `duration = "24 h"`; an unknown key is answered with the
nearest known one; no pydantic or TOML traceback leaves this module.  Pure.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import types
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from mesor.errors import ScenarioError
from mesor.quantities import parse_quantity, split_key, time_of_day_s

Location = tuple[str | int, ...]
# The upper ends keep every product of two keys finite; no unit used here comes near them.
Positive = Annotated[float, Field(gt=0, le=1_000_000)]
OptionalPositive = Annotated[float | None, Field(gt=0, le=1_000_000)]
NotNegative = Annotated[float, Field(ge=0, le=1_000_000)]
# What a microstep's dose is divided by: a nanometre or a nanogram would be a slip of the unit.
Tangible = Annotated[float, Field(ge=0.001, le=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
_SHOWN_MAX = 60


def _as_time_of_day(text: str) -> str:
    """Return a time of day as it was written, if it is one."""
    try:
        time_of_day_s(text)
    except ScenarioError as error:
        raise PydanticCustomError("time_of_day", "{sentence}", {"sentence": str(error)}) from None
    return text


TimeOfDay = Annotated[str, AfterValidator(_as_time_of_day)]  # "06:30"; seconds: time_of_day_s


class Section(BaseModel):
    """Base of every table in an input file: frozen, strict, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


SectionType = TypeVar("SectionType", bound=Section)


def impossible(sentence: str) -> PydanticCustomError:
    """Return the error for a section whose keys contradict each other; sentence says how."""
    return PydanticCustomError("impossible", "{sentence}", {"sentence": sentence})


def read_table(model: type[SectionType], text: str, source: str) -> SectionType:
    """Return `text`, a TOML document, as a `model`; source names the file in errors.

    Raises ScenarioError for anything that `text` can hold and `model` cannot.
    """
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))  # as some editors begin a file
    except (ValueError, RecursionError) as error:
        raise ScenarioError(
            f"{source}: this is not valid TOML: {error}.{_comma_hint(text, error)}"
        ) from None
    return check_table(model, table, source)


def check_table(model: type[SectionType], table: dict[str, Any], source: str) -> SectionType:
    """Return `table`, as TOML states it, as a `model`; raise ScenarioError where it is none."""
    written: dict[Location, str] = {}
    try:
        return model.model_validate(_respelled(model, table, (), written))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ScenarioError(f"{source}: {_sentence(model, first, written)}") from None
    except ScenarioError as error:
        raise ScenarioError(f"{source}: {error}") from None


def _comma_hint(text: str, error: BaseException) -> str:
    """Return a further sentence where the line in error has a decimal comma, else nothing."""
    place = re.search(r"at line ([0-9]+)", str(error))
    lines = text.splitlines()
    if place and 0 < int(place[1]) <= len(lines):
        wrong = re.search(r"=\s*([+-]?[0-9]+),([0-9]+)\s*(#.*)?$", lines[int(place[1]) - 1])
        if wrong:
            return f"  A number has a decimal point: write {wrong[1]}.{wrong[2]}."
    return ""


def read_file(path: Path) -> str:
    """Return the text of an input file; raise ScenarioError where there is none to be had."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: this is not UTF-8 text; an input file is TOML.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError(f"{path}: cannot be read: {reason}.") from None


def _respelled(
    model: type[Section], table: dict[str, Any], at: Location, written: dict[Location, str]
) -> dict[str, Any]:
    """Return `table` under the model's own keys and units; written keeps what was typed."""
    short: dict[str, list[str]] = {}
    for name in model.model_fields:
        short.setdefault(split_key(name)[0], []).append(name)
    known = {key: names[-1] for key, names in short.items()}
    known |= {name: name for name in model.model_fields}
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ScenarioError(_unknown(key, at, known))
        name = known[key]
        if key != name:
            name = _of_that_unit(short[key], value)
        if name in found:
            raise ScenarioError(
                f"{_dotted((*at, key))} and {written[*at, name]} state the same quantity; "
                "keep one of them."
            )
        written[*at, name] = _dotted((*at, key))
        found[name] = _value(model.model_fields[name], (*at, name), key, value, written)
    return found


def _of_that_unit(names: list[str], value: Any) -> str:
    """Return which of a quantity's keys a value with its unit belongs to; else the last."""
    for name in names:
        try:
            parse_quantity(str(value), split_key(name)[1])
        except ScenarioError:
            continue
        return name
    return names[-1]


def _unknown(key: str, at: Location, known: dict[str, str]) -> str:
    """Return the sentence for a key that the section does not have."""
    nearest = known[difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]]
    return f"{_shortened(_dotted((*at, key)))} is not a known key; the nearest one is {nearest}."


def _value(
    field: FieldInfo, at: Location, key: str, value: Any, written: dict[Location, str]
) -> Any:
    """Return one value: sections and lists of them descended into, quantities in their unit."""
    inner, many = _section_of(field.annotation)
    if inner is not None and many:
        if not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            raise ScenarioError(f"{written[at]} must be tables, each under [[{_dotted(at)}]].")
        return tuple(
            _respelled(inner, item, (*at, index), written) for index, item in enumerate(value)
        )
    if inner is not None:
        if not isinstance(value, dict):
            raise ScenarioError(f"{written[at]} must be a section, [{_dotted(at)}].")
        return _respelled(inner, value, at, written)
    if get_origin(field.annotation) is tuple and isinstance(value, list):
        return tuple(value)
    return _quantity(field, at, key, value, written[at])


def _quantity(field: FieldInfo, at: Location, key: str, value: Any, shown: str) -> Any:
    """Return a number in the unit of its key; anything that is not a quantity as it is."""
    if not _is_number(field):
        return value
    name = str(at[-1])
    short, unit = split_key(name)
    if isinstance(value, str):
        try:
            value = parse_quantity(value, unit)
        except ScenarioError as error:
            raise ScenarioError(f"{shown}: {error}.") from None
    elif key == short != name and isinstance(value, int | float):
        raise ScenarioError(
            f"{shown} is {_shown(value)}: missing unit; write {name} = {_shown(value)} or "
            f'{short} = "{_shown(value)} {unit.symbol}".'
        )
    if isinstance(value, float) and value.is_integer() and _accepts(field, int):
        return int(value)
    return value


def _section_of(annotation: Any) -> tuple[type[Section] | None, bool]:
    """Return the section that an annotation holds, if any, and whether it is a tuple of them."""
    many = get_origin(annotation) is tuple
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Section):
            return part, many
    return None, False


def _accepts(field: FieldInfo, kind: type) -> bool:
    """Say whether a field is of this type, or of it or None."""
    annotation = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return kind in get_args(annotation)
    return annotation is kind


def _is_number(field: FieldInfo) -> bool:
    """Say whether a field holds a quantity."""
    return _accepts(field, float) or _accepts(field, int)


def _sentence(model: type[Section], error: ErrorDetails, written: dict[Location, str]) -> str:
    """Return what was got and what is allowed, for the first of pydantic's errors."""
    at = error["loc"]
    if error["type"] == "impossible":
        where = f"[{_dotted(at)}] " if at else ""
        return where + error["msg"]
    field = _field_at(model, at)
    if field is None:
        return f"{_dotted(at)}: {error['msg']}."
    if error["type"] == "time_of_day":
        return f"{written.get(at, _dotted(at))}: {error['msg']}."
    if error["type"] == "missing":
        return _missing(at, field)
    shown = written.get(at, _dotted(at))
    unit = split_key(str(at[-1]))[1].symbol
    got = _shown(error["input"])
    if isinstance(error["input"], int | float) and not isinstance(error["input"], bool):
        got = f"{got} {unit}".rstrip()
    return f"{shown} is {got}; it must be {_allowed(field, unit)}."


def _missing(at: Location, field: FieldInfo) -> str:
    """Return the sentence for a key or section that has to be there."""
    if _section_of(field.annotation)[0] is not None:
        return f"the section [{_dotted(at)}] is missing."
    unit = split_key(str(at[-1]))[1].symbol
    return f"{_dotted(at)} is missing; it must be {_allowed(field, unit)}."


def _field_at(model: type[Section], at: Location) -> FieldInfo | None:
    """Return the field that a location leads to, or None when it leads elsewhere."""
    field: FieldInfo | None = None
    inner: type[Section] | None = model
    for part in at:
        if isinstance(part, int):
            continue
        field = inner.model_fields.get(part) if inner is not None else None
        inner = _section_of(field.annotation)[0] if field is not None else None
    return field


def _allowed(field: FieldInfo, unit: str) -> str:
    """Say which values a field takes: its kind, its bounds, its unit."""
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "one of " + ", ".join(choices)
    if get_origin(field.annotation) is tuple:
        return "a list of numbers, as [0.5, 1, 2]"
    if not _is_number(field):
        return "true or false" if _accepts(field, bool) else "text"
    kind = "a number" if _accepts(field, float) else "a whole number"
    bounds = [text for item in field.metadata if (text := _bound(item)) is not None]
    limits = " and ".join(bounds)
    return f"{kind}, {limits} {unit}".rstrip() if limits else f"{kind} {unit}".rstrip()


def _bound(constraint: object) -> str | None:
    """Return one bound in words, or None for any other constraint."""
    match constraint:
        case Gt(gt=limit):
            return f"more than {limit}"
        case Ge(ge=limit):
            return f"at least {limit}"
        case Lt(lt=limit):
            return f"less than {limit}"
        case Le(le=limit):
            return f"at most {limit}"
    return None


def _dotted(at: Location) -> str:
    """Return a location as it is spoken of: patient.clearance_change[0].at_h."""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: object) -> str:
    """Return a value as it may be quoted in a sentence."""
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return _shortened(repr(value))


def _shortened(text: str) -> str:
    """Return text cut to what fits in a sentence."""
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
