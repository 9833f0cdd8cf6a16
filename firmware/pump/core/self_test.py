# SPDX-License-Identifier: MIT
"""What must be right before the pump takes a program: known answers, memory, and the board.

Run once at boot, well below 5 s; it may allocate.  Every failure is one bit with a name;
with any of them set the supervisor never leaves its self-test.
"""

from array import array

from pump.compat import const
from pump.core import kernels, known_answers
from pump.core.framing import crc32
from pump.core.mac import difference, hmac_sha256
from pump.spec import limits

MEMORY = const(1)
CHECKSUM = const(2)
KERNELS = const(4)
CLOCK = const(8)
ADC = const(16)
MOTOR_DRIVER = const(32)
BUZZER = const(64)
FIRMWARE = const(128)
FLASH = const(256)
AUTHENTICITY = const(512)
NAMES = (
    "memory", "checksum", "kernels", "clock", "adc", "motor driver", "buzzer", "firmware", "flash",
    "authenticity",
)  # fmt: skip

_RFC_4231_2 = (
    b"\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
    b"\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43"
)
_PATTERNS = (0x55, 0xAA)
_PATTERN_BYTES = const(2048)
_CRC_OF_DIGITS = const(0xCBF43926)  # CRC-32 of "123456789", the check value of its catalogue


def failures(board, log_holds: bool) -> int:
    """Return the bits of all that failed; 0 lets the pump go on.

    log_holds: whether the first page of this power-up could be read back from the flash.
    """
    found = board.self_test()
    if not log_holds:
        found |= FLASH
    if not _tells_true_from_forged():
        found |= AUTHENTICITY
    answers = board.known_answers()
    if answers is not None and not known_answers.are_right(answers):
        found |= KERNELS
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


def _tells_true_from_forged() -> bool:
    """Say whether HMAC-SHA256 is that of RFC 4231, test case 2, and one flipped bit is seen."""
    tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?")
    forged = bytearray(tag)
    forged[31] ^= 1
    return (
        tag == _RFC_4231_2
        and not difference(tag, 0, _RFC_4231_2, 32)
        and bool(difference(forged, 0, tag, 32))
    )


def _kernels_know() -> bool:
    """Say whether the machine code multiplies as on paper: [[3, -2], [5, 7]] by (11, -13)."""
    matrix = array("i", [3 << 4, -2 << 4, 5 << 4, 7 << 4])
    vector = array("i", [11, -13])
    product = array("i", [0, 0])
    place = kernels.place
    kernels.multiply(kernels.block((place(matrix), place(vector), place(product), 2, 2, 4)))
    return product[0] == 59 and product[1] == -36
