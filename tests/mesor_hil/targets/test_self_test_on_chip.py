# SPDX-License-Identifier: MIT
"""The self-test on the emulated Pico, each time with something broken that only it can find."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pump
from mesor.firmware import build_firmware, check_file, image_crc
from mesor.known_answers import known_answers_file
from mesor.link.frames import Frame, FrameCoder
from mesor_hil.targets.test_keys import TEST_KEYS
from mesor_hil.targets.virtual_pico import VirtualPico
from pump.board import pins
from pump.core import self_test
from pump.spec import integrity, messages

_ANSWERS_BY_S = 5.0  # GIP 3.4.3 allows 70 s; ours is to be over in 5
_TEMPERATURE = 4  # channel of the converter
_HEALTHY_V = 0.706  # 27 C
_CLOSED = (pins.DOOR, pins.AIR, pins.OCCLUSION)
# A term of the outputs' sum, and the same with another sign.
_KERNEL, _RIGHT, _WRONG = "pump/core/refine_thumb.py", "add(r4, r4, r5)", "sub(r4, r4, r5)"


def powered(image: Path, files: dict[str, bytes], flash: bytes | None = None) -> VirtualPico:
    """Return a board that is not booted yet: its inputs can still be set."""
    noted = check_file(files, image_crc(image.read_bytes()), known_answers_file())
    keyed = {**files, messages.KEY_FILE: TEST_KEYS.content, integrity.FILE: noted}
    board = VirtualPico(image, None if flash else keyed, flash)
    for pin in (*_CLOSED, pins.DRIVER_FAULT):
        board.drive(pin, False)
    return board


def failures(board: VirtualPico) -> tuple[str, ...]:
    """Boot, say hello, and return the names of the tests that failed."""
    board.boot()
    coder = FrameCoder()
    hello = Frame(messages.HELLO, messages.PROTOCOL_VERSION, 1, bytes(messages.CHALLENGE_BYTES))
    board.send(coder.encode(hello))
    while board.now_ns < _ANSWERS_BY_S * 1e9:
        board.run_until_bytes(round(_ANSWERS_BY_S * 1e9))
        for frame in coder.decode(board.received()):
            if frame.kind == messages.ALARMS:
                bits = int.from_bytes(frame.body[8:10], "little")
                names = enumerate(self_test.NAMES)
                return tuple(name for bit, name in names if bits >> bit & 1)
    raise AssertionError(f"no answer in {_ANSWERS_BY_S} s")


def flipped(flash: bytes, text: bytes) -> bytes:
    """Return the flash with one bit flipped in the only place where `text` stands."""
    assert flash.count(text) == 1
    changed = bytearray(flash)
    changed[flash.index(text)] ^= 0x20
    return bytes(changed)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Return the firmware."""
    return build_firmware()


@pytest.mark.hazard("broken_pump")
def test_a_flipped_bit_in_a_file_and_broken_inputs_are_found(
    micropython_image: Path, files: dict[str, bytes]
) -> None:
    """A comment of main.py, the converter's own temperature, the driver's fault line."""
    whole = powered(micropython_image, files).flash_image()
    spoilt = flipped(whole, b"whatever it is: a prompt")
    board = powered(micropython_image, files, spoilt)
    board.set_adc(_TEMPERATURE, 3.0)
    board.drive(pins.DRIVER_FAULT, True)
    assert failures(board) == ("adc", "motor driver", "firmware")


@pytest.mark.hazard("broken_pump")
def test_a_flipped_bit_in_micropython_itself_is_found(
    micropython_image: Path, files: dict[str, bytes]
) -> None:
    """In a text that nobody prints."""
    whole = powered(micropython_image, files).flash_image()
    spoilt = flipped(whole, b'Type "help()" for more information.')
    assert failures(powered(micropython_image, files, spoilt)) == ("firmware",)


@pytest.mark.hazard("broken_pump")
def test_a_kernel_that_computes_wrongly_is_found(micropython_image: Path, tmp_path: Path) -> None:
    """Built wrong and noted as it is: only the known answers can tell."""
    root = Path(str(pump.__file__)).parent.parent
    shutil.copytree(root / "pump", tmp_path / "pump")
    shutil.copy(root / "main.py", tmp_path / "main.py")
    kernel = tmp_path / _KERNEL
    source = kernel.read_text()
    assert _RIGHT in source
    kernel.write_text(source.replace(_RIGHT, _WRONG, 1))
    assert "kernels" in failures(powered(micropython_image, build_firmware(tmp_path)))
