# SPDX-License-Identifier: MIT
"""CRC-32 and COBS in machine code for the Cortex-M0+ of the RP2040.

It means the bytes of core/framing_twin.py, and tests run this very code against it.
A byte takes about 15 cycles in each; viper needed 90 to 115.
"""

import micropython

from pump.compat import const

_BLOCK_BYTES = const(255)  # a code byte and 254 others: the largest block


# Registers of both:
#   r0 table  r1 next byte  r2 end  r3 remainder  r4 byte, then word of the table  r6 low byte
@micropython.asm_thumb
def append_crc(r0, r1, r2) -> int:
    """Write behind the first r2 bytes of r1 their CRC-32, r0 the table; return 0."""
    add(r2, r2, r1)
    mov(r6, 255)
    mov(r3, 0)
    mvn(r3, r3)
    b(TEST)
    label(BYTE)
    ldrb(r4, [r1, 0])
    add(r1, 1)
    eor(r4, r3)
    and_(r4, r6)
    lsl(r4, r4, 2)
    add(r4, r4, r0)
    ldr(r4, [r4, 0])
    lsr(r3, r3, 8)
    eor(r3, r4)
    label(TEST)
    cmp(r1, r2)
    bne(BYTE)
    mvn(r3, r3)
    strb(r3, [r1, 0])
    lsr(r3, r3, 8)
    strb(r3, [r1, 1])
    lsr(r3, r3, 8)
    strb(r3, [r1, 2])
    lsr(r3, r3, 8)
    strb(r3, [r1, 3])
    mov(r0, 0)


@micropython.asm_thumb
def has_crc(r0, r1, r2) -> int:
    """Return 1 when the first r2 bytes of r1 end with the CRC-32 of those before, else 0."""
    add(r2, r2, r1)
    mov(r6, 255)
    mov(r3, 0)
    mvn(r3, r3)
    b(TEST)
    label(BYTE)
    ldrb(r4, [r1, 0])
    add(r1, 1)
    eor(r4, r3)
    and_(r4, r6)
    lsl(r4, r4, 2)
    add(r4, r4, r0)
    ldr(r4, [r4, 0])
    lsr(r3, r3, 8)
    eor(r3, r4)
    label(TEST)
    cmp(r1, r2)
    bne(BYTE)
    # 0xDEBB20E3 is what bytes that end with their own CRC leave, and no others.
    mov(r4, 0xDE)
    lsl(r4, r4, 8)
    add(r4, 0xBB)
    lsl(r4, r4, 8)
    add(r4, 0x20)
    lsl(r4, r4, 8)
    add(r4, 0xE3)
    mov(r0, 0)
    cmp(r3, r4)
    bne(DONE)
    mov(r0, 1)
    label(DONE)


# Registers:
#   r0 next byte  r1 bytes of the block  r2 out  r3 place of the block's code  r4 byte
#   r5 next of out  r6 end  r7 bytes of the largest block
@micropython.asm_thumb
def encode(r0, r1, r2) -> int:
    """COBS-encode the first r1 bytes of r0 into r2, zero byte last; return the bytes written."""
    add(r6, r0, r1)
    mov(r7, _BLOCK_BYTES)
    mov(r3, r2)
    add(r5, r2, 1)
    b(TEST)
    label(BYTE)
    ldrb(r4, [r0, 0])
    add(r0, 1)
    strb(r4, [r5, 0])
    # A zero ends the block: in its place the next block's code will stand.
    cmp(r4, 0)
    beq(CLOSE)
    add(r5, 1)
    sub(r1, r5, r3)
    cmp(r1, r7)
    bne(TEST)
    label(CLOSE)
    sub(r1, r5, r3)
    strb(r1, [r3, 0])
    mov(r3, r5)
    add(r5, 1)
    label(TEST)
    cmp(r0, r6)
    bne(BYTE)
    sub(r1, r5, r3)
    strb(r1, [r3, 0])
    mov(r4, 0)
    strb(r4, [r5, 0])
    add(r5, 1)
    sub(r0, r5, r2)


# Registers:
#   r0 next byte  r1 end  r2 next of out  r3 end of out's room  r4 end of the block
#   r5 byte  r6 code  r7 out
@micropython.asm_thumb
def decode(r0, r1, r2, r3) -> int:
    """Decode the first r1 bytes of r0 into r2, at most r3; return the length, -1 if damaged."""
    cmp(r1, 0)
    beq(DAMAGED)
    add(r1, r1, r0)
    add(r3, r3, r2)
    mov(r7, r2)
    label(BLOCK)
    ldrb(r6, [r0, 0])
    add(r0, 1)
    cmp(r6, 0)
    beq(DAMAGED)
    sub(r4, r6, 1)
    add(r5, r4, r2)
    cmp(r5, r3)
    bhi(DAMAGED)
    add(r4, r4, r0)
    cmp(r4, r1)
    bhi(DAMAGED)
    b(COPIED)
    label(BYTE)
    ldrb(r5, [r0, 0])
    cmp(r5, 0)
    beq(DAMAGED)
    add(r0, 1)
    strb(r5, [r2, 0])
    add(r2, 1)
    label(COPIED)
    cmp(r0, r4)
    bne(BYTE)
    cmp(r0, r1)
    beq(WHOLE)
    cmp(r6, _BLOCK_BYTES)
    beq(BLOCK)
    cmp(r2, r3)
    beq(DAMAGED)
    mov(r5, 0)
    strb(r5, [r2, 0])
    add(r2, 1)
    b(BLOCK)
    label(DAMAGED)
    mov(r0, 0)
    sub(r0, 1)
    b(DONE)
    label(WHOLE)
    sub(r0, r2, r7)
    label(DONE)
