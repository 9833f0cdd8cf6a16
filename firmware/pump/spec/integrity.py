# SPDX-License-Identifier: MIT
"""What is noted of a firmware when it is put on a board, and checked at every power-on.

CRC-32 over its files, CRC-32 over MicroPython's image, then digest and program of the known
answers (pump.core.known_answers).
"""

from pump.compat import const

FILE = "pump.check"
ENTRY = "main.py"
PACKAGE = "pump"
IMAGE = const(4)  # where that of the image stands
ANSWERS = const(8)  # and the known answers begin
IMAGE_BYTES = const(0x53000)  # from the beginning of the flash to the slot of the program
