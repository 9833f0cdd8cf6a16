# SPDX-License-Identifier: MIT
"""HMAC-SHA256 against the RFC's own vectors and Python's library; the comparison bit by bit."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core.mac import Hmac, difference, hmac_sha256

# RFC 4231, section 4: key, message, HMAC-SHA-256.  Case 5 gives the first 128 bits only.
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50,
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50,
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    (b"\xaa" * 131,
     b"This is a test using a larger than block-size key and a larger than block-size data. "
     b"The key needs to be hashed before being used by the HMAC algorithm.",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "message", "expected"), RFC_4231)
def test_the_vectors_of_rfc_4231_come_out(key: bytes, message: bytes, expected: str) -> None:
    """Short, long and longer than a block."""
    assert hmac_sha256(key, message).hex().startswith(expected)


@given(st.binary(max_size=200), st.binary(max_size=600))
def test_any_key_and_message_give_what_pythons_own_library_gives(
    key: bytes, message: bytes
) -> None:
    """Block borders lie anywhere."""
    assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8), st.binary(max_size=9))
def test_the_comparison_says_zero_for_equal_bytes_alone(
    left: bytes, right: bytes, before: bytes
) -> None:
    """Wherever they stand."""
    at = len(before)
    assert (difference(before + left, at, right, 8) == 0) == (left == right)
    assert difference(before + left, at, left, 8) == 0


@pytest.mark.parametrize("bit", range(64))
def test_one_bit_makes_a_difference(bit: int) -> None:
    """In every byte and place."""
    tag = bytes(range(8))
    wrong = (int.from_bytes(tag, "big") ^ 1 << bit).to_bytes(8, "big")
    assert difference(wrong, 0, tag, 8)


@given(st.binary(max_size=200), st.lists(st.binary(max_size=90), max_size=6))
def test_a_code_of_pieces_is_that_of_the_whole(key: bytes, pieces: list[bytes]) -> None:
    """A program is hashed chunk by chunk, as it comes."""
    mac = Hmac(key)
    for piece in pieces:
        mac.add(piece)
    assert mac.end() == hmac.digest(key, b"".join(pieces), "sha256")
