# SPDX-License-Identifier: MIT
"""The firmware as files for a board: which, in which form, and what happens if one is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mesor.errors import ImageError
from mesor.firmware import build_firmware, firmware_id

ROOT = Path(__file__).parents[2] / "firmware"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a firmware of two modules, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "firmware"
    (folder / "pump" / "core").mkdir(parents=True)
    (folder / "main.py").write_text("from pump.core.rate import double\n")
    (folder / "pump" / "__init__.py").write_text("")
    (folder / "pump" / "core" / "rate.py").write_text("def double(x):\n    return x + x\n")
    return folder


@pytest.fixture(scope="module")
def pump() -> dict[str, bytes]:
    """Return the real firmware's files."""
    return build_firmware()


def test_main_stays_source_and_every_module_becomes_machine_readable(root: Path) -> None:
    """A board starts main.py only; the rest must not need the compiler's memory there."""
    files = build_firmware(root)
    assert list(files) == ["main.py", "pump/__init__.mpy", "pump/core/rate.mpy"]
    assert files["main.py"] == (root / "main.py").read_bytes()


def test_the_real_firmware_has_every_module_but_those_of_the_host(pump: dict[str, bytes]) -> None:
    """A module left out is an ImportError on the first board that needs it."""
    sources = {path.relative_to(ROOT) for path in (ROOT / "pump").rglob("*.py")}
    expected = {path.with_suffix(".mpy").as_posix() for path in sources} | {"main.py"}
    kernels = ("active_set", "framing", "kernels", "refine", "warm_start")
    twins = {f"pump/core/{name}_twin.mpy" for name in kernels}
    assert set(pump) == expected - twins - {"pump/spec/alarm_words.mpy"}


def test_modules_carry_the_header_that_the_pinned_micropython_loads(
    pump: dict[str, bytes],
) -> None:
    """MicroPython 1.25 loads .mpy version 6; machine code needs ABI 3 and armv6m (4).

    Bytes: 'M', version, ABI and architecture (zero without machine code), bits of a small
    integer, which may be 31 at most (MicroPython's documentation of .mpy files).
    """
    for name, content in pump.items():
        if name.endswith(".mpy"):
            magic, version, feature, small_int_bits = content[:4]
            assert (magic, version) == (ord("M"), 6), name
            assert feature in {0, 4 << 2 | 3}, name
            assert small_int_bits <= 31, name


def test_machine_code_kernels_are_compiled_for_the_chip(pump: dict[str, bytes]) -> None:
    """The kernels' speed is why the control tick fits; bytecode in their place would not."""
    for kernels in ("active_set_thumb", "kernels_thumb", "refine_thumb", "warm_start_thumb"):
        assert pump[f"pump/core/{kernels}.mpy"][2] == 4 << 2 | 3


def test_all_files_fit_the_file_system_of_a_pico(pump: dict[str, bytes]) -> None:
    """1408 KiB, of which the log needs most: a tenth is the firmware's share."""
    assert sum(len(content) for content in pump.values()) < 140 * 1024


def test_a_syntax_error_is_reported_with_file_and_line(root: Path) -> None:
    """The compiler reads from a pipe, so that by itself it would not know the file."""
    (root / "pump" / "core" / "rate.py").write_text("a = 1\nb = 2\nc = = 3\n")
    with pytest.raises(ImageError, match=r"pump/core/rate\.py, line 3 .*SyntaxError"):
        build_firmware(root)


def test_code_that_only_the_board_cannot_run_is_reported_too(root: Path) -> None:
    """CPython takes this text; viper has no subscript of a plain integer."""
    text = "import micropython\n\n@micropython.viper\ndef f(a: int) -> int:\n    return a[0]\n"
    (root / "pump" / "core" / "rate.py").write_text(text)
    with pytest.raises(ImageError, match=r"pump/core/rate\.py.*ViperTypeError"):
        build_firmware(root)


def test_a_folder_without_main_is_refused(tmp_path: Path) -> None:
    """The likeliest slip is one folder too deep."""
    with pytest.raises(ImageError, match=r"no main\.py"):
        build_firmware(tmp_path)


def test_the_second_build_compiles_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every start of the bench asks for the firmware."""
    first = build_firmware(root)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("compiled"))
    assert build_firmware(root) == first


def test_a_changed_module_is_compiled_anew(root: Path) -> None:
    """A stale module in the cache would be a bench that tests yesterday's firmware."""
    before = build_firmware(root)
    (root / "pump" / "core" / "rate.py").write_text("def double(x):\n    return x * 2\n")
    after = build_firmware(root)
    assert after["pump/core/rate.mpy"] != before["pump/core/rate.mpy"]
    assert after["pump/__init__.mpy"] == before["pump/__init__.mpy"]


def test_a_cache_that_cannot_be_written_only_costs_time(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Read-only homes are usual in containers."""
    expected = build_firmware(root)
    (tmp_path / "taken").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    assert build_firmware(root) == expected


def test_the_identity_is_the_digest_of_names_lengths_and_contents() -> None:
    """Written out once by hand, because logs of years to come are compared by it."""
    stream = b"a.py 2\nxy" + b"b.py 1\nz"
    files = {"b.py": b"z", "a.py": b"xy"}
    assert firmware_id(files) == hashlib.sha256(stream).hexdigest()[:12]


def test_moving_a_byte_from_one_file_to_the_next_changes_the_identity() -> None:
    """A digest over the bare contents could not tell these apart."""
    assert firmware_id({"a": b"xy", "b": b"z"}) != firmware_id({"a": b"x", "b": b"yz"})
