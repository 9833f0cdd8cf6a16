# SPDX-License-Identifier: MIT
"""Freezes the firmware into an image of one's own: pass it as MICROPY_FROZEN_MANIFEST."""

# ruff: noqa: F821 - MicroPython's build provides these names.
include("$(PORT_DIR)/boards/manifest.py")
package("pump", base_path=".")
module("main.py", base_path=".")
