# SPDX-License-Identifier: MIT
"""The run log, and its re-execution."""
