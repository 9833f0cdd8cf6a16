# SPDX-License-Identifier: MIT
"""The pump's controller: the same sources run on a Pico, an emulated Pico and CPython."""
