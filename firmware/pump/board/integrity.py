# SPDX-License-Identifier: MIT
"""Whether the firmware in the flash is, bit by bit, what `mesor flash` put there.

CRC-32 over the files, as mesor.firmware makes it, and over what lies below the program's slot:
MicroPython itself, and all that is frozen into it.  Both stand in a file of their own.  It finds
what wear and radiation do; against people stands who may flash (SHA-256 takes 0.65 s here, CRC
0.1 s).
"""

import binascii
import os

import uctypes

from pump.spec import integrity as at

_FLASH = 0x1000_0000  # where the chip maps it
_PIECE = 4096
_FOLDER = 0x4000


def content() -> bytes:
    """Return what was noted when the board was flashed, or nothing."""
    try:
        with open(at.FILE, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def is_whole(noted) -> bool:
    """Say whether files and image are those that were noted."""
    if len(noted) < at.ANSWERS:
        return False
    return noted[: at.IMAGE] == _files() and noted[at.IMAGE : at.ANSWERS] == _image()


def _files() -> bytes:
    """Return CRC-32 over name, size and content of every file of the firmware."""
    checksum = 0
    piece = bytearray(_PIECE)
    view = memoryview(piece)
    for path, size in sorted(_paths()):
        head = "%s %d\n" % (path, size)
        checksum = binascii.crc32(head.encode(), checksum)
        with open(path, "rb") as stream:
            count = stream.readinto(piece)
            while count:
                checksum = binascii.crc32(view[:count], checksum)
                count = stream.readinto(piece)
    return checksum.to_bytes(4, "little")


def _paths() -> list:
    """Return path and size of every file of the firmware."""
    found = []
    folders = []
    for entry in os.ilistdir():
        if entry[0] == at.ENTRY:
            found.append((entry[0], entry[3]))
        if entry[0] == at.PACKAGE:
            folders.append(entry[0])
    while folders:
        folder = folders.pop()
        for entry in os.ilistdir(folder):
            path = folder + "/" + entry[0]
            if entry[1] == _FOLDER:
                folders.append(path)
            else:
                found.append((path, entry[3]))
    return found


def _image() -> bytes:
    """Return CRC-32 over the flash below the log."""
    return binascii.crc32(uctypes.bytearray_at(_FLASH, at.IMAGE_BYTES)).to_bytes(4, "little")
