# SPDX-License-Identifier: MIT
"""The only importers of `machine` and `rp2`: pins, PIO, ADC, watchdog and USB serial."""
