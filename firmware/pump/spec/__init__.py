# SPDX-License-Identifier: MIT
"""Pure constants that both sides of the wire share: messages, records, program layout."""
