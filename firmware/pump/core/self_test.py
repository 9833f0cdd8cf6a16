# SPDX-License-Identifier: MIT
"""What must be right before the pump takes a program: known answers, memory, and the board.

Run once at boot, well below 5 s; it may allocate.  Every failure is one bit with a name;
with any of them set the supervisor never leaves its self-test.
"""

from array import array

from pump.compat import const
from pump.core import kernels
from pump.core.framing import crc32
from pump.spec import limits

MEMORY = const(1)
CHECKSUM = const(2)
KERNELS = const(4)
CLOCK = const(8)
ADC = const(16)
MOTOR_DRIVER = const(32)
BUZZER = const(64)
NAMES = ("memory", "checksum", "kernels", "clock", "adc", "motor driver", "buzzer")

_PATTERNS = (0x55, 0xAA)
_PATTERN_BYTES = const(2048)
_CRC_OF_DIGITS = const(0xCBF43926)  # CRC-32 of "123456789", the check value of its catalogue


def failures(board) -> int:
    """Return the bits of all that failed; 0 lets the pump go on."""
    found = board.self_test()
    if not _memory_keeps():
        found |= MEMORY
    if crc32(b"123456789") != _CRC_OF_DIGITS:
        found |= CHECKSUM
    if not _kernels_know():
        found |= KERNELS
    return found


def _memory_keeps() -> bool:
    """Say whether fresh memory keeps alternating bits, and there is enough of it."""
    try:
        room = bytearray(limits.HEAP_FREE_MIN)
    except MemoryError:
        return False
    for pattern in _PATTERNS:
        for i in range(_PATTERN_BYTES):
            room[i] = pattern
        for i in range(_PATTERN_BYTES):
            if room[i] != pattern:
                return False
    return True


def _kernels_know() -> bool:
    """Say whether the machine code multiplies as on paper: [[3, -2], [5, 7]] by (11, -13)."""
    matrix = array("i", [3 << 4, -2 << 4, 5 << 4, 7 << 4])
    vector = array("i", [11, -13])
    product = array("i", [0, 0])
    place = kernels.place
    kernels.multiply(kernels.block((place(matrix), place(vector), place(product), 2, 2, 4)))
    return product[0] == 59 and product[1] == -36
