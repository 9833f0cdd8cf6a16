# SPDX-License-Identifier: MIT
"""The kernels in machine code for the Cortex-M0+ of the RP2040.

They mean the bits of core/kernels_twin.py, and tests run this very code against it.
An iteration of `solve` at N = 20 takes about 6,750 cycles; viper needs some 120,000.
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

_SOLVE_FACTOR = const(0)
_SOLVE_RESPONSE = const(1)
_SOLVE_LINEAR = const(2)
_SOLVE_ROWS = const(3)
_SOLVE_PULL = const(4)
_SOLVE_RHS = const(5)
_SOLVE_RELAXED = const(6)
_SOLVE_MOVES = const(7)
_SOLVE_CHANGES = const(8)
_SOLVE_OUTPUTS = const(9)
_SOLVE_HORIZON = const(10)
_SOLVE_FACTOR_SHIFT = const(11)
_SOLVE_RESPONSE_SHIFT = const(12)
_SOLVE_SOFT_SHIFT = const(13)
_SOLVE_SIGMA_SHIFT = const(14)
_SOLVE_MOVE_MAX = const(15)
_SOLVE_PRIMAL_BITS = const(16)
_SOLVE_DUAL_BITS = const(17)
_SOLVE_ITERATIONS_LEFT = const(18)

# Words of `solve`'s stack frame.  A "way" is the distance in bytes from one array
# to another, so that one moving pointer serves both.
_GROUPS = const(0)  # per group of rows: its tilde, the tilde's end, way to the pull
_GROUPS_END = const(9)  # a zero, where the three groups end
_PRIMAL = const(10)  # 2**bits and 2**(bits + 1) of both residuals, side by side
_DUAL = const(12)
_BLOCK = const(14)
_RHS = const(15)
_NEAR = const(16)  # where the product of a factor's block enters PRODUCT
_FAR = const(17)  # the same for the columns beyond 40; negative where there are none
_FACTOR_SHIFT = const(18)
_MOVE_MAX = const(19)
_TO_LINEAR = const(20)  # ways from the moves
_TO_RELAXED = const(21)
_TO_CHANGES = const(22)
_TO_OUTPUTS = const(23)
_MOVES = const(24)
_MOVES_END = const(25)
_BEFORE = const(26)  # the move before this block's first
_HALF = const(27)
_RESPONSE_SHIFT = const(28)
_SOFT_BEGIN = const(29)  # first row that is soft
_SOFT_SHIFT = const(30)
_GROUP = const(31)  # place of the next group in _GROUPS
_FRAME_WORDS = const(32)

# PRODUCT is 20 steps of two columns; entering it this many bytes late skips a step.
_STEP_BYTES = const(38)


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


# Registers of `solve`, phase by phase; r0 to r7 are spare where not named:
#   right-hand side  r0 changes' pull  r1 moves' pull  r2 relaxed  r3 rhs  r8 its end
#   products         r0 next coefficients  r1 next of x  r2, r3 two of x
#                    r4-r7 four coefficients  r8-r11 four sums  r12 below  r14 way back
#   moves            r12 next moves
#   outputs          r12 where PRODUCT is entered
#   projection       r0 next row  r1 next tilde  r8 end of the group's tilde
#                    r12 way to its pull  r9, r10 primal and r11, r14 dual 2**b, 2**(b+1)
#                    r2 argument  r4 z  r5 w  r6 low, then projected  r7 high
#                    r3 tilde while residuals are checked; afterwards r3 = 0,
#                    r9 first soft row, r10 soft shift
@micropython.asm_thumb
def solve(r0) -> int:
    """Iterate until the residuals are small; return iterations left, -1 at the cap.

    N: a multiple of 4, 8..40.  Residual bits: 0..30.  A row's low - cap and high + cap
    must fit int32, as must whatever the twin checks.
    """
    # Save what the caller keeps in high registers, and open the frame.
    mov(r4, r8)
    mov(r5, r9)
    mov(r6, r10)
    mov(r7, r11)
    push({r4, r5, r6, r7})
    data(2, 0xB080 | _FRAME_WORDS)  # sub sp
    data(2, 0x9000 | _BLOCK)  # str r0, [sp, BLOCK]

    # Groups: changes pull on pull[0:N], moves on pull[N+1:], outputs on rhs[N:].
    # A tilde has been passed when its pull is stored, so each way is 4 bytes short.
    ldr(r7, [r0, 4 * _SOLVE_HORIZON])
    lsl(r7, r7, 2)
    mov(r6, sp)
    ldr(r1, [r0, 4 * _SOLVE_CHANGES])
    add(r2, r1, r7)
    ldr(r3, [r0, 4 * _SOLVE_PULL])
    sub(r3, r3, r1)
    sub(r3, 4)
    data(2, 0xC60E)  # stm r6!, {r1, r2, r3}
    ldr(r1, [r0, 4 * _SOLVE_MOVES])
    data(2, 0x9100 | _MOVES)  # str r1, [sp, MOVES]
    add(r2, r1, r7)
    data(2, 0x9200 | _MOVES_END)  # str r2, [sp, MOVES_END]
    ldr(r3, [r0, 4 * _SOLVE_PULL])
    add(r3, r3, r7)
    sub(r3, r3, r1)
    data(2, 0xC60E)  # stm r6!, {r1, r2, r3}
    ldr(r1, [r0, 4 * _SOLVE_OUTPUTS])
    add(r2, r1, r7)
    ldr(r3, [r0, 4 * _SOLVE_RHS])
    data(2, 0x9300 | _RHS)  # str r3, [sp, RHS]
    add(r3, r3, r7)
    sub(r3, r3, r1)
    sub(r3, 4)
    data(2, 0xC60E)  # stm r6!, {r1, r2, r3}
    mov(r1, 0)
    data(2, 0x9100 | _GROUPS_END)  # str r1, [sp, GROUPS_END]

    # Ways from the moves.  All but the first are used when four moves were passed.
    data(2, 0x9900 | _MOVES)  # ldr r1, [sp, MOVES]
    ldr(r2, [r0, 4 * _SOLVE_LINEAR])
    sub(r2, r2, r1)
    data(2, 0x9200 | _TO_LINEAR)
    add(r1, 16)
    ldr(r2, [r0, 4 * _SOLVE_RELAXED])
    sub(r2, r2, r1)
    data(2, 0x9200 | _TO_RELAXED)
    ldr(r2, [r0, 4 * _SOLVE_CHANGES])
    sub(r2, r2, r1)
    data(2, 0x9200 | _TO_CHANGES)
    ldr(r2, [r0, 4 * _SOLVE_OUTPUTS])
    sub(r2, r2, r1)
    data(2, 0x9200 | _TO_OUTPUTS)

    # Soft rows begin 2N records of 20 bytes behind the first (r7 is 4N).
    mov(r1, 10)
    mul(r1, r7)
    ldr(r2, [r0, 4 * _SOLVE_ROWS])
    add(r1, r1, r2)
    data(2, 0x9100 | _SOFT_BEGIN)

    # A block of the factor takes N steps: 20 - N are skipped; beyond 20, N - 20
    # are taken first (40 - N skipped) and then all 20.
    lsr(r7, r7, 2)
    mov(r3, _STEP_BYTES)
    mov(r1, 20)
    sub(r1, r1, r7)
    mov(r2, 0)
    sub(r2, r2, 1)
    cmp(r1, 0)
    bge(NEAR_ONLY)
    mov(r2, r1)
    add(r2, 20)
    mul(r2, r3)
    mov(r1, 0)
    label(NEAR_ONLY)
    mul(r1, r3)
    data(2, 0x9100 | _NEAR)
    data(2, 0x9200 | _FAR)

    # Shifts, limits and thresholds.
    ldr(r1, [r0, 4 * _SOLVE_FACTOR_SHIFT])
    data(2, 0x9100 | _FACTOR_SHIFT)
    ldr(r1, [r0, 4 * _SOLVE_MOVE_MAX])
    data(2, 0x9100 | _MOVE_MAX)
    ldr(r1, [r0, 4 * _SOLVE_SOFT_SHIFT])
    data(2, 0x9100 | _SOFT_SHIFT)
    ldr(r1, [r0, 4 * _SOLVE_RESPONSE_SHIFT])
    data(2, 0x9100 | _RESPONSE_SHIFT)
    sub(r1, r1, 1)
    mov(r3, 1)
    lsl(r3, r1)
    data(2, 0x9300 | _HALF)
    ldr(r1, [r0, 4 * _SOLVE_PRIMAL_BITS])
    mov(r3, 1)
    lsl(r3, r1)
    data(2, 0x9300 | _PRIMAL)
    lsl(r3, r3, 1)
    data(2, 0x9300 | _PRIMAL + 1)
    ldr(r1, [r0, 4 * _SOLVE_DUAL_BITS])
    mov(r3, 1)
    lsl(r3, r1)
    data(2, 0x9300 | _DUAL)
    lsl(r3, r3, 1)
    data(2, 0x9300 | _DUAL + 1)

    # Count the iteration, or give up at the cap.
    label(ITERATION)
    data(2, 0x9800 | _BLOCK)
    ldr(r1, [r0, 4 * _SOLVE_ITERATIONS_LEFT])
    sub(r1, r1, 1)
    bge(RIGHT_HAND_SIDE)
    mov(r1, 0)
    sub(r1, r1, 1)
    str(r1, [r0, 4 * _SOLVE_ITERATIONS_LEFT])
    b(DONE)

    # rhs[i] = change[i] - change[i+1] + move[i] + (relaxed[i] >> sigma), two a turn.
    label(RIGHT_HAND_SIDE)
    str(r1, [r0, 4 * _SOLVE_ITERATIONS_LEFT])
    ldr(r4, [r0, 4 * _SOLVE_SIGMA_SHIFT])
    ldr(r2, [r0, 4 * _SOLVE_RELAXED])
    ldr(r3, [r0, 4 * _SOLVE_RHS])
    ldr(r7, [r0, 4 * _SOLVE_HORIZON])
    ldr(r0, [r0, 4 * _SOLVE_PULL])
    lsl(r7, r7, 2)
    add(r1, r0, r7)
    add(r1, 4)
    add(r7, r7, r3)
    mov(r8, r7)
    data(2, 0xC820)  # ldm r0!, {r5}
    label(TWO_OF_RHS)
    data(2, 0xC840)  # ldm r0!, {r6}
    sub(r5, r5, r6)
    data(2, 0xC980)  # ldm r1!, {r7}
    add(r5, r5, r7)
    data(2, 0xCA80)  # ldm r2!, {r7}
    asr(r7, r4)
    add(r5, r5, r7)
    data(2, 0xC320)  # stm r3!, {r5}
    data(2, 0xC820)  # ldm r0!, {r5}
    sub(r6, r6, r5)
    data(2, 0xC980)  # ldm r1!, {r7}
    add(r6, r6, r7)
    data(2, 0xCA80)  # ldm r2!, {r7}
    asr(r7, r4)
    add(r6, r6, r7)
    data(2, 0xC340)  # stm r3!, {r6}
    data(2, 0x4543)  # cmp r3, r8
    bne(TWO_OF_RHS)

    # Moves, four at a time: linear + factor @ rhs.
    data(2, 0x9A00 | _BLOCK)  # ldr r2, [sp, BLOCK]
    ldr(r0, [r2, 4 * _SOLVE_FACTOR])
    data(2, 0x9900 | _MOVES)  # ldr r1, [sp, MOVES]
    mov(r12, r1)
    mov(r1, 0)
    data(2, 0x9100 | _BEFORE)
    label(FOUR_MOVES)
    mov(r1, r12)
    data(2, 0x9A00 | _TO_LINEAR)
    add(r2, r2, r1)
    data(2, 0xCAF0)  # ldm r2!, {r4-r7}
    data(2, 0x9900 | _RHS)
    data(2, 0x9B00 | _FAR)
    cmp(r3, 0)
    bge(FAR_COLUMNS)
    label(NEAR_COLUMNS)
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
    data(2, 0x9B00 | _NEAR)
    bl(PRODUCT)
    data(2, 0x9B00 | _FACTOR_SHIFT)
    asr(r4, r3)
    asr(r5, r3)
    asr(r6, r3)
    asr(r7, r3)
    # Within the limit, as nearly always, nothing needs to be clamped.
    data(2, 0x9A00 | _MOVE_MAX)
    neg(r3, r2)
    cmp(r4, r2)
    bgt(CLAMP)
    cmp(r4, r3)
    blt(CLAMP)
    cmp(r5, r2)
    bgt(CLAMP)
    cmp(r5, r3)
    blt(CLAMP)
    cmp(r6, r2)
    bgt(CLAMP)
    cmp(r6, r3)
    blt(CLAMP)
    cmp(r7, r2)
    bgt(CLAMP)
    cmp(r7, r3)
    blt(CLAMP)
    label(CLAMPED)
    mov(r1, r12)
    data(2, 0xC1F0)  # stm r1!, {r4-r7}
    mov(r12, r1)
    # relaxed = move + ((move - relaxed) >> 1), which is alpha = 1.5.
    data(2, 0x9B00 | _TO_RELAXED)
    add(r3, r3, r1)
    ldr(r2, [r3, 0])
    sub(r2, r4, r2)
    asr(r2, r2, 1)
    add(r2, r2, r4)
    str(r2, [r3, 0])
    ldr(r2, [r3, 4])
    sub(r2, r5, r2)
    asr(r2, r2, 1)
    add(r2, r2, r5)
    str(r2, [r3, 4])
    ldr(r2, [r3, 8])
    sub(r2, r6, r2)
    asr(r2, r2, 1)
    add(r2, r2, r6)
    str(r2, [r3, 8])
    ldr(r2, [r3, 12])
    sub(r2, r7, r2)
    asr(r2, r2, 1)
    add(r2, r2, r7)
    str(r2, [r3, 12])
    # Changes: each move less the one before.
    data(2, 0x9B00 | _TO_CHANGES)
    add(r3, r3, r1)
    data(2, 0x9A00 | _BEFORE)  # ldr r2, [sp, BEFORE]
    data(2, 0x9700 | _BEFORE)  # str r7, [sp, BEFORE]
    sub(r7, r7, r6)
    sub(r6, r6, r5)
    sub(r5, r5, r4)
    sub(r4, r4, r2)
    data(2, 0xC3F0)  # stm r3!, {r4-r7}
    data(2, 0x9A00 | _MOVES_END)
    cmp(r1, r2)
    bne(FOUR_MOVES)
    b(OUTPUTS)

    # A factor wider than 40 columns: the columns beyond come first, as a first sum.
    label(FAR_COLUMNS)
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
    bl(PRODUCT)
    b(NEAR_COLUMNS)

    # Clamp all four to r3..r2.
    label(CLAMP)
    cmp(r4, r2)
    ble(LOWER_4)
    mov(r4, r2)
    label(LOWER_4)
    cmp(r4, r3)
    bge(UPPER_5)
    mov(r4, r3)
    label(UPPER_5)
    cmp(r5, r2)
    ble(LOWER_5)
    mov(r5, r2)
    label(LOWER_5)
    cmp(r5, r3)
    bge(UPPER_6)
    mov(r5, r3)
    label(UPPER_6)
    cmp(r6, r2)
    ble(LOWER_6)
    mov(r6, r2)
    label(LOWER_6)
    cmp(r6, r3)
    bge(UPPER_7)
    mov(r6, r3)
    label(UPPER_7)
    cmp(r7, r2)
    ble(LOWER_7)
    mov(r7, r2)
    label(LOWER_7)
    cmp(r7, r3)
    bge(CLAMPED)
    mov(r7, r3)
    b(CLAMPED)

    # Outputs, four at a time: block b of the triangle has 2b + 2 steps.
    label(OUTPUTS)
    data(2, 0x9A00 | _BLOCK)
    ldr(r0, [r2, 4 * _SOLVE_RESPONSE])
    mov(r3, 18)
    mov(r1, _STEP_BYTES)
    mul(r3, r1)
    label(FOUR_OUTPUTS)
    mov(r12, r3)
    data(2, 0x9C00 | _HALF)
    mov(r8, r4)
    mov(r9, r4)
    mov(r10, r4)
    mov(r11, r4)
    data(2, 0x9900 | _MOVES)
    bl(PRODUCT)
    data(2, 0x9B00 | _RESPONSE_SHIFT)
    asr(r4, r3)
    asr(r5, r3)
    asr(r6, r3)
    asr(r7, r3)
    data(2, 0x9A00 | _TO_OUTPUTS)
    add(r2, r2, r1)
    data(2, 0xC2F0)  # stm r2!, {r4-r7}
    mov(r3, r12)
    sub(r3, 2 * _STEP_BYTES)
    data(2, 0x9A00 | _MOVES_END)
    cmp(r1, r2)
    bne(FOUR_OUTPUTS)
    b(PROJECTION)

    # Sums r8-r11 plus coefficients times x give r4-r7.  r3: bytes of steps to skip.
    # A step is two columns: x in r2 and r3, then per column four coefficients, each
    # multiplied and added.  The last column adds the sums into r4-r7 instead.
    label(PRODUCT)
    data(2, 0x449F)  # add pc, r3
    nop()  # pc runs two instructions ahead
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x4444, 0x435D, 0x444D, 0x435E, 0x4456, 0x435F, 0x445F)
    mov(pc, r14)

    # Projection: load the thresholds of the residuals, and start with the first group.
    label(PROJECTION)
    data(2, 0xAF00 | _PRIMAL)  # add r7, sp, PRIMAL
    data(2, 0xCF1E)  # ldm r7!, {r1-r4}
    mov(r9, r1)
    mov(r10, r2)
    mov(r11, r3)
    mov(r14, r4)
    data(2, 0x9A00 | _BLOCK)
    ldr(r0, [r2, 4 * _SOLVE_ROWS])
    mov(r2, sp)
    mov(r3, 1)  # residuals are checked until one of them is too large
    b(OPEN_GROUP)
    label(NEXT_GROUP)
    data(2, 0x9A00 | _GROUP)
    label(OPEN_GROUP)
    data(2, 0xCA32)  # ldm r2!, {r1, r4, r5}
    cmp(r1, 0)
    beq(PROJECTED)
    data(2, 0x9200 | _GROUP)
    mov(r8, r4)
    mov(r12, r5)
    cmp(r3, 0)
    beq(FIRST)

    # With residuals: argument = tilde + ((tilde - z) >> 1) + w.
    label(CHECK)
    data(2, 0xC908, 0xC8F0)  # ldm r1!, {r3}; ldm r0!, {r4-r7}
    sub(r2, r3, r4)
    asr(r2, r2, 1)
    add(r2, r2, r3)
    add(r2, r2, r5)
    cmp(r2, r6)
    blt(CHECK_LOW)
    cmp(r2, r7)
    bgt(CHECK_HIGH)
    mov(r6, r2)
    mov(r7, 0)
    # Store z = projected, w = argument - projected, pull = z - w.
    label(CHECK_STORE)
    sub(r0, 16)
    data(2, 0xC0C0)  # stm r0!, {r6, r7}
    add(r0, 12)
    sub(r5, r6, r7)
    mov(r7, r12)
    data(2, 0x51CD)  # str r5, [r1, r7]
    # A residual lies in -2**b..2**b - 1 when residual + 2**b < 2**(b + 1), unsigned.
    sub(r3, r3, r6)
    sub(r4, r6, r4)
    data(2, 0x444B, 0x4553)  # add r3, r9; cmp r3, r10
    bcs(TOO_LARGE)
    data(2, 0x445C, 0x4574)  # add r4, r11; cmp r4, r14
    bcs(TOO_LARGE)
    data(2, 0x4541)  # cmp r1, r8
    bne(CHECK)
    mov(r3, 1)
    b(NEXT_GROUP)
    # No residual of this iteration matters any more: r9 and r10 change their meaning.
    label(TOO_LARGE)
    data(2, 0x9B00 | _SOFT_BEGIN)
    mov(r9, r3)
    data(2, 0x9B00 | _SOFT_SHIFT)
    mov(r10, r3)
    mov(r3, 0)
    b(NEXT_ROW)

    # Outside the bounds, no further than the cap; soft rows keep a share of it.
    label(CHECK_LOW)
    ldr(r5, [r0, 0])
    sub(r5, r6, r5)
    cmp(r2, r5)
    bge(CHECK_SOFT)
    mov(r2, r5)
    b(CHECK_SOFT)
    label(CHECK_HIGH)
    mov(r6, r7)
    ldr(r5, [r0, 0])
    add(r5, r6, r5)
    cmp(r2, r5)
    ble(CHECK_SOFT)
    mov(r2, r5)
    label(CHECK_SOFT)
    data(2, 0x9D00 | _SOFT_BEGIN)
    cmp(r0, r5)
    bcc(CHECK_HARD)
    sub(r5, r2, r6)
    data(2, 0x9F00 | _SOFT_SHIFT)
    asr(r5, r7)
    add(r6, r6, r5)
    label(CHECK_HARD)
    sub(r7, r2, r6)
    b(CHECK_STORE)

    # Without residuals (r3 = 0), two rows a turn.  Inside the bounds z = pull =
    # argument and w = 0.
    label(FIRST)
    data(2, 0xC904, 0xC8F0)  # ldm r1!, {r2}; ldm r0!, {r4-r7}
    sub(r4, r2, r4)
    asr(r4, r4, 1)
    add(r2, r2, r4)
    add(r2, r2, r5)
    cmp(r2, r6)
    blt(LOW)
    cmp(r2, r7)
    bgt(HIGH)
    sub(r0, 16)
    data(2, 0xC00C)  # stm r0!, {r2, r3}
    add(r0, 12)
    mov(r7, r12)
    data(2, 0x51CA)  # str r2, [r1, r7]
    label(SECOND)
    data(2, 0xC904, 0xC8F0)  # ldm r1!, {r2}; ldm r0!, {r4-r7}
    sub(r4, r2, r4)
    asr(r4, r4, 1)
    add(r2, r2, r4)
    add(r2, r2, r5)
    cmp(r2, r6)
    blt(LOW)
    cmp(r2, r7)
    bgt(HIGH)
    sub(r0, 16)
    data(2, 0xC00C)  # stm r0!, {r2, r3}
    add(r0, 12)
    mov(r7, r12)
    data(2, 0x51CA)  # str r2, [r1, r7]
    data(2, 0x4541)  # cmp r1, r8
    bne(FIRST)
    b(NEXT_GROUP)

    label(LOW)
    ldr(r4, [r0, 0])
    sub(r4, r6, r4)
    cmp(r2, r4)
    bge(SOFT)
    mov(r2, r4)
    b(SOFT)
    label(HIGH)
    mov(r6, r7)
    ldr(r4, [r0, 0])
    add(r4, r6, r4)
    cmp(r2, r4)
    ble(SOFT)
    mov(r2, r4)
    label(SOFT)
    data(2, 0x4548)  # cmp r0, r9
    bcc(HARD)
    sub(r4, r2, r6)
    mov(r5, r10)
    asr(r4, r5)
    add(r6, r6, r4)
    label(HARD)
    sub(r7, r2, r6)
    sub(r0, 16)
    data(2, 0xC0C0)  # stm r0!, {r6, r7}
    add(r0, 12)
    sub(r6, r6, r7)
    mov(r7, r12)
    data(2, 0x51CE)  # str r6, [r1, r7]
    # Groups have even length: an odd rest (4 bytes more) goes on at SECOND.
    label(NEXT_ROW)
    mov(r7, r8)
    sub(r7, r7, r1)
    beq(NEXT_GROUP)
    lsl(r7, r7, 29)
    bmi(SECOND)
    b(FIRST)

    # Every residual was small when r3 is still 1.
    label(PROJECTED)
    cmp(r3, 0)
    bne(DONE)
    b(ITERATION)

    # Return what is left of the cap; give the high registers back.
    label(DONE)
    data(2, 0x9800 | _BLOCK)
    ldr(r0, [r0, 4 * _SOLVE_ITERATIONS_LEFT])
    data(2, 0xB000 | _FRAME_WORDS)  # add sp
    pop({r4, r5, r6, r7})
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
