# SPDX-License-Identifier: MIT
"""The control decision in integers: no I/O, no clock, no hardware, no heap in the tick."""
