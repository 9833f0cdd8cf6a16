# SPDX-License-Identifier: MIT
"""UF2, the file format in which an RP2040 takes its flash image over USB.

The build ends in a flat binary that `encode` wraps; whatever is downloaded, built or found in
the cache goes through `decode`, which refuses what a Pico's bootloader would not take whole.
Format: the UF2 specification of Microsoft (512-byte blocks, little-endian words).
Pure: bytes in, bytes out.  Addresses and sizes in bytes.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from mesor.errors import ImageError

BLOCK_SIZE: Final = 512
PAYLOAD_SIZE: Final = 256  # one flash page; the RP2040's bootloader takes no other size
FAMILY_RP2040: Final = 0xE48BFF56
FLASH_START: Final = 0x1000_0000
FLASH_END: Final = 0x100A_0000  # the Pico's MicroPython keeps its file system from here on

_MAGIC_FIRST: Final = 0x0A32_4655
_MAGIC_SECOND: Final = 0x9E5D_5157
_MAGIC_LAST: Final = 0x0AB1_6F30
_FLAG_FAMILY: Final = 0x2000
_HEADER: Final = struct.Struct("<8I")
_TRAILER: Final = struct.Struct("<I")


class _Header(NamedTuple):
    magic_first: int
    magic_second: int
    flags: int
    address: int
    payload_size: int
    block_index: int
    block_count: int
    family: int


def encode(binary: bytes) -> bytes:
    """Return `binary`, a flash image from FLASH_START on, as the blocks of a UF2 file."""
    binary += bytes(-len(binary) % PAYLOAD_SIZE)
    count = len(binary) // PAYLOAD_SIZE
    return b"".join(
        _block(index, count, binary[index * PAYLOAD_SIZE : (index + 1) * PAYLOAD_SIZE])
        for index in range(count)
    )


def decode(uf2: bytes) -> bytes:
    """Return the flat binary in a UF2 file for the RP2040.

    Raises ImageError if the file is cut short, is no UF2, is for another chip, skips a page, or
    leaves the part of the flash that belongs to the firmware.
    """
    if not uf2 or len(uf2) % BLOCK_SIZE:
        raise ImageError(
            f"the UF2 image is {len(uf2)} bytes long, but must be a whole, positive number of "
            f"{BLOCK_SIZE}-byte blocks: it was cut short or is no UF2 file"
        )
    count = len(uf2) // BLOCK_SIZE
    blocks = (uf2[start : start + BLOCK_SIZE] for start in range(0, len(uf2), BLOCK_SIZE))
    return b"".join(_payload(block, index, count) for index, block in enumerate(blocks))


def _block(index: int, count: int, payload: bytes) -> bytes:
    header = _Header(
        magic_first=_MAGIC_FIRST,
        magic_second=_MAGIC_SECOND,
        flags=_FLAG_FAMILY,
        address=FLASH_START + index * PAYLOAD_SIZE,
        payload_size=PAYLOAD_SIZE,
        block_index=index,
        block_count=count,
        family=FAMILY_RP2040,
    )
    padding = bytes(BLOCK_SIZE - _HEADER.size - len(payload) - _TRAILER.size)
    return _HEADER.pack(*header) + payload + padding + _TRAILER.pack(_MAGIC_LAST)


def _payload(block: bytes, index: int, count: int) -> bytes:
    """Return the flash page in `block`, which must be number `index` of `count`."""
    header = _Header(*_HEADER.unpack_from(block))
    (magic_last,) = _TRAILER.unpack_from(block, BLOCK_SIZE - _TRAILER.size)
    magic = (header.magic_first, header.magic_second, magic_last)
    if magic != (_MAGIC_FIRST, _MAGIC_SECOND, _MAGIC_LAST):
        raise ImageError(f"block {index} of the image lacks UF2's magic numbers: no UF2 file")
    if not header.flags & _FLAG_FAMILY or header.family != FAMILY_RP2040:
        raise ImageError(
            f"block {index} of the UF2 image is for chip family {header.family:#010x}, but the "
            f"Pico's RP2040 is {FAMILY_RP2040:#010x}: take the image for board RPI_PICO"
        )
    if (header.block_index, header.block_count) != (index, count):
        raise ImageError(
            f"block {index} of {count} in the UF2 image says that it is {header.block_index} of "
            f"{header.block_count}: blocks are missing or out of order"
        )
    expected = FLASH_START + index * PAYLOAD_SIZE
    if header.payload_size != PAYLOAD_SIZE or header.address != expected or expected >= FLASH_END:
        raise ImageError(
            f"block {index} of the UF2 image puts {header.payload_size} bytes at "
            f"{header.address:#010x}, but pages of {PAYLOAD_SIZE} bytes must follow each other "
            f"from {FLASH_START:#010x} to below {FLASH_END:#010x}"
        )
    return block[_HEADER.size : _HEADER.size + PAYLOAD_SIZE]
