# SPDX-License-Identifier: MIT
"""The kernels in machine code for the Cortex-M0+ of the RP2040.

They mean the bits of core/kernels_twin.py, and tests run this very code against it.
Int32 words in, int32 words out; sums wrap, which is harmless where the last one fits.
Registers above r7, ldm, stm and the stack pointer are beyond MicroPython's
assembler, so those instructions stand as opcodes behind `data`.
"""

from array import array

import micropython
import uctypes

from pump.compat import const

# Words of the blocks: the same numbers as in core/blocks.py, which the assembler
# cannot import; a test holds the two equal.
_MULTIPLY_MATRIX = const(0)
_MULTIPLY_VECTOR = const(1)
_MULTIPLY_OUT = const(2)
_MULTIPLY_ROWS = const(3)
_MULTIPLY_COLUMNS = const(4)
_MULTIPLY_SHIFT = const(5)


def place(words, index: int = 0) -> int:
    """Return the address of `words[index]`; SRAM lies below 2**30, so it is small."""
    return uctypes.addressof(words) + 4 * index


def block(entries) -> array:
    """Return a kernel's block from places and ints."""
    return array("i", entries)


# Registers of `multiply`:
#   r0 next coefficient      r1 next value          r2, r3 the sum, low and high
#   r4-r7 halves, products   r12 spare              r14 end of the vector
#   on the stack: block, place of the next result, rows left
@micropython.asm_thumb
def multiply(r0) -> int:
    """Write (matrix @ vector + half) >> shift, summed in 64 bits; return 0."""
    # Keep block, results and rows on the stack; find where the vector ends.
    ldr(r1, [r0, 4 * _MULTIPLY_OUT])
    ldr(r2, [r0, 4 * _MULTIPLY_ROWS])
    push({r0, r1, r2})
    ldr(r1, [r0, 4 * _MULTIPLY_VECTOR])
    ldr(r2, [r0, 4 * _MULTIPLY_COLUMNS])
    lsl(r2, r2, 2)
    add(r1, r1, r2)
    mov(r14, r1)
    ldr(r0, [r0, 4 * _MULTIPLY_MATRIX])

    # A row starts at half an LSB: 1 << (shift - 1).
    label(ROW)
    data(2, 0x9900)  # ldr r1, [sp, 0]: the block
    ldr(r4, [r1, 4 * _MULTIPLY_SHIFT])
    sub(r4, r4, 1)
    mov(r2, 1)
    lsl(r2, r4)
    mov(r3, 0)
    ldr(r1, [r1, 4 * _MULTIPLY_VECTOR])

    # Halves of a and b: r6, r7 low and unsigned, r4, r5 high and signed.
    label(COLUMN)
    data(2, 0xC810, 0xC920)  # ldm r0!, {r4}; ldm r1!, {r5}
    data(2, 0xB2A6, 0xB2AF)  # uxth r6, r4; uxth r7, r5
    asr(r4, r4, 16)
    asr(r5, r5, 16)
    # High times high counts in the sum's high word.
    mov(r12, r4)
    mul(r4, r5)
    add(r3, r3, r4)
    mov(r4, r12)
    # Low times low counts in the low word, and its carry in the high one.
    mov(r12, r6)
    mul(r6, r7)
    add(r2, r2, r6)
    mov(r6, 0)
    adc(r3, r6)
    mov(r6, r12)
    # The two mixed products straddle both words.
    mul(r4, r7)
    mul(r5, r6)
    asr(r6, r4, 16)
    lsl(r4, r4, 16)
    add(r2, r2, r4)
    adc(r3, r6)
    asr(r6, r5, 16)
    lsl(r5, r5, 16)
    add(r2, r2, r5)
    adc(r3, r6)
    data(2, 0x4571)  # cmp r1, r14
    bne(COLUMN)

    # Low word of the sum >> shift: low >> shift | high << (32 - shift).
    data(2, 0xBC70)  # pop {r4, r5, r6}: block, place, rows left
    ldr(r7, [r4, 4 * _MULTIPLY_SHIFT])
    lsr(r2, r7)
    neg(r7, r7)
    add(r7, 32)
    lsl(r3, r7)
    orr(r2, r3)
    data(2, 0xC504)  # stm r5!, {r2}
    sub(r6, r6, 1)
    data(2, 0xB470)  # push {r4, r5, r6}
    bne(ROW)
    data(2, 0xB003)  # add sp, 12
    mov(r0, 0)
