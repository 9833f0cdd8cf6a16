# SPDX-License-Identifier: MIT
"""What the board runs after power-up: the pump, and no REPL unless MAINTENANCE asks for it."""

import micropython

micropython.kbd_intr(-1)  # first of all: Ctrl-C must not reach a prompt while modules load

import gc  # noqa: E402

import machine  # noqa: E402

# What loading leaves behind would break the heap into pieces too small for a program.
gc.threshold(32_768)

try:
    from pump.app import App
    from pump.board.pico import PicoBoard

    board = PicoBoard()
    app = App(board)
    gc.collect()
    gc.threshold(-1)  # from here on only where the firmware says so
    app.run()
except BaseException:  # whatever it is: a prompt would be open to anybody
    machine.reset()
board.release()
