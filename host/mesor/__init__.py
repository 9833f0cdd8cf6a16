# SPDX-License-Identifier: MIT
"""Mesor's host application: compile, stream, record, replay, report."""
