# SPDX-License-Identifier: MIT
"""The ADMM iteration in machine code for the Cortex-M0+ of the RP2040.

It means the bits of core/admm_twin.py, and tests run this very code against it.  At
N = 20 an iteration takes 5,086 cycles, 880 multiply-accumulates in 3,190 of them, and 18
more for each row out of its bounds; viper needs some 120,000.
Registers above r7, ldm, stm and the stack pointer are beyond MicroPython's assembler, so
those instructions stand as opcodes behind `data`.
"""

import micropython

from pump.compat import const

# Words of the block: the same numbers as in core/blocks.py, which the assembler
# cannot import; a test holds the two equal.
_ITERATE_FACTOR = const(0)
_ITERATE_PULLED = const(1)
_ITERATE_RESPONSE = const(2)
_ITERATE_CARRIES = const(3)
_ITERATE_CAPS = const(4)
_ITERATE_GOALS = const(5)
_ITERATE_PULL = const(6)
_ITERATE_OUTPUT_PULL = const(7)
_ITERATE_MOVES = const(8)
_ITERATE_OUTPUTS = const(9)
_ITERATE_HORIZON = const(10)
_ITERATE_CHANGE = const(11)
_ITERATE_ONE = const(12)
_ITERATE_WIDTH = const(13)
_ITERATE_MOVE_MAX = const(14)
_ITERATE_SOFT_SHIFT = const(15)
_ITERATE_PULL_SHIFT = const(16)
_ITERATE_FACTOR_SHIFT = const(17)
_ITERATE_RESPONSE_SHIFT = const(18)
_ITERATE_MOVE_BEFORE = const(19)
_ITERATE_BEFORE = const(20)
_ITERATE_COUNT = const(21)

# Words of the stack frame.  A "way" is the distance in bytes from one array to another,
# so that one moving pointer serves both.
_BLOCK = const(0)
_LEFT = const(1)  # iterations
_MOVES = const(2)
_MOVES_END = const(3)
_OUTPUTS_END = const(4)
_PULLS_END = const(5)  # of the outputs' pulls
_RIGHT = const(6)  # the right-hand side: the pull behind its spare word
_TO_CAPS = const(7)  # way from a carry to its cap; then the same when one, or two, were passed
_PASSED_TO_CAPS = const(8)
_BOTH_TO_CAPS = const(9)
_TO_RIGHT = const(10)  # way from the outputs' pulls
_TO_OUTPUTS = const(11)  # way from moves, when four of them were passed
_SKIP = const(12)  # bytes into PRODUCT for N columns
_ENTER = const(13)  # the same for this block of a triangle
_PULL_SHIFT = const(14)
_PULL_HALF = const(15)
_FACTOR_SHIFT = const(16)
_FACTOR_HALF = const(17)
_RESPONSE_SHIFT = const(18)
_RESPONSE_HALF = const(19)
_MOVE_MAX = const(20)
_FRAME_WORDS = const(21)

# PRODUCT is 20 steps of two columns; entering it this many bytes late skips a step.
_STEP_BYTES = const(38)


# Registers, phase by phase; those not named are spare:
#   changes, moves  r0 next carries  r1 next move  r2 next pull  r3 pull of this move so far
#                   r8 most change  r9 its negative  r10 the full rate  r11 end of the moves
#                   r12 last move  r4 move  r5 change  r6, r7 their carries
#   outputs         r0 next carry  r1 next output  r2 next pull  r3 next goal  r4 argument
#                   r5 carry  r6 low  r7 the demand's pull  r8 width  r9 soft shift
#                   r11 end of the outputs
#   products        r0 next coefficients  r1 next of x  r2, r3 two of x
#                   r4-r7 four coefficients  r8-r11 four sums  r12 below  r14 way back
#                   r12 next outputs' pull, next moves, or moves passed
@micropython.asm_thumb
def iterate(r0) -> int:
    """Iterate `count` times from carries, moves and outputs; return 0.

    N: a multiple of 4, 8..40.  A count of 1 or more, shifts of 1..31.
    """
    # Save what the caller keeps in high registers, and open the frame.
    mov(r4, r8)
    mov(r5, r9)
    mov(r6, r10)
    mov(r7, r11)
    push({r4, r5, r6, r7})
    data(2, 0xB080 | _FRAME_WORDS)  # sub sp
    data(2, 0x9000 | _BLOCK)  # str r0, [sp, BLOCK]
    ldr(r1, [r0, 4 * _ITERATE_COUNT])
    data(2, 0x9100 | _LEFT)

    # Places, ends and ways.
    ldr(r7, [r0, 4 * _ITERATE_HORIZON])
    lsl(r7, r7, 2)
    ldr(r1, [r0, 4 * _ITERATE_MOVES])
    data(2, 0x9100 | _MOVES)
    add(r2, r1, r7)
    data(2, 0x9200 | _MOVES_END)
    ldr(r2, [r0, 4 * _ITERATE_OUTPUTS])
    sub(r3, r2, r1)
    sub(r3, 16)
    data(2, 0x9300 | _TO_OUTPUTS)
    add(r2, r2, r7)
    data(2, 0x9200 | _OUTPUTS_END)
    ldr(r1, [r0, 4 * _ITERATE_CARRIES])
    ldr(r2, [r0, 4 * _ITERATE_CAPS])
    sub(r2, r2, r1)
    data(2, 0x9200 | _TO_CAPS)
    sub(r2, 4)
    data(2, 0x9200 | _PASSED_TO_CAPS)
    sub(r2, 4)
    data(2, 0x9200 | _BOTH_TO_CAPS)
    ldr(r1, [r0, 4 * _ITERATE_PULL])
    add(r1, 4)
    data(2, 0x9100 | _RIGHT)
    ldr(r2, [r0, 4 * _ITERATE_OUTPUT_PULL])
    sub(r1, r1, r2)
    data(2, 0x9100 | _TO_RIGHT)
    add(r2, r2, r7)
    data(2, 0x9200 | _PULLS_END)

    # N columns are N / 2 steps of the 20.
    lsr(r7, r7, 3)
    mov(r1, 20)
    sub(r1, r1, r7)
    mov(r2, _STEP_BYTES)
    mul(r1, r2)
    data(2, 0x9100 | _SKIP)

    # Shifts, halves and the limit.
    mov(r3, 1)
    ldr(r1, [r0, 4 * _ITERATE_PULL_SHIFT])
    data(2, 0x9100 | _PULL_SHIFT)
    sub(r1, r1, 1)
    mov(r2, r3)
    lsl(r2, r1)
    data(2, 0x9200 | _PULL_HALF)
    ldr(r1, [r0, 4 * _ITERATE_FACTOR_SHIFT])
    data(2, 0x9100 | _FACTOR_SHIFT)
    sub(r1, r1, 1)
    mov(r2, r3)
    lsl(r2, r1)
    data(2, 0x9200 | _FACTOR_HALF)
    ldr(r1, [r0, 4 * _ITERATE_RESPONSE_SHIFT])
    data(2, 0x9100 | _RESPONSE_SHIFT)
    sub(r1, r1, 1)
    mov(r2, r3)
    lsl(r2, r1)
    data(2, 0x9200 | _RESPONSE_HALF)
    ldr(r1, [r0, 4 * _ITERATE_MOVE_MAX])
    data(2, 0x9100 | _MOVE_MAX)

    # Changes and moves: argument = tilde + (tilde >> 1) - carry, projected on its bounds.
    # Inside them the pull is the argument, and half of it is carried.
    label(ITERATION)
    data(2, 0x9C00 | _BLOCK)  # ldr r4, [sp, BLOCK]
    ldr(r0, [r4, 4 * _ITERATE_CARRIES])
    ldr(r1, [r4, 4 * _ITERATE_MOVES])
    ldr(r2, [r4, 4 * _ITERATE_PULL])
    ldr(r3, [r4, 4 * _ITERATE_MOVE_BEFORE])
    mov(r12, r3)
    ldr(r3, [r4, 4 * _ITERATE_CHANGE])
    mov(r8, r3)
    neg(r3, r3)
    mov(r9, r3)
    ldr(r3, [r4, 4 * _ITERATE_ONE])
    mov(r10, r3)
    data(2, 0x9B00 | _MOVES_END)
    mov(r11, r3)
    mov(r3, 0)
    label(MOVE)
    data(2, 0xC910, 0xC8C0)  # ldm r1!, {r4}; ldm r0!, {r6, r7}
    mov(r5, r12)
    mov(r12, r4)
    sub(r5, r4, r5)
    sub(r6, r6, r5)
    asr(r5, r5, 1)
    sub(r5, r5, r6)
    data(2, 0x4545)  # cmp r5, r8
    bgt(FASTER)
    data(2, 0x454D)  # cmp r5, r9
    blt(SLOWER)
    asr(r6, r5, 1)
    label(CHANGED)
    sub(r3, r3, r5)
    data(2, 0xC208)  # stm r2!, {r3}
    sub(r7, r7, r4)
    asr(r4, r4, 1)
    sub(r4, r4, r7)
    data(2, 0x4554)  # cmp r4, r10
    bhi(OUT_OF_RANGE)  # unsigned: below zero as well
    asr(r7, r4, 1)
    label(MOVED)
    add(r3, r5, r4)
    sub(r0, 8)
    data(2, 0xC0C0)  # stm r0!, {r6, r7}
    data(2, 0x4559)  # cmp r1, r11
    bne(MOVE)
    data(2, 0xC208)  # stm r2!, {r3}
    b(OUTPUT_ROWS)

    # Beyond a bound by no more than the cap: w in r5, z in r6.
    label(FASTER)
    mov(r14, r7)
    data(2, 0x9F00 | _BOTH_TO_CAPS, 0x583F)  # ldr r7, [r7, r0]
    mov(r6, r8)
    sub(r5, r5, r6)
    cmp(r5, r7)
    ble(CHANGE_CAPPED)
    mov(r5, r7)
    b(CHANGE_CAPPED)
    label(SLOWER)
    mov(r14, r7)
    data(2, 0x9F00 | _BOTH_TO_CAPS, 0x583F)  # ldr r7, [r7, r0]
    neg(r7, r7)
    mov(r6, r9)
    sub(r5, r5, r6)
    cmp(r5, r7)
    bge(CHANGE_CAPPED)
    mov(r5, r7)
    label(CHANGE_CAPPED)
    asr(r7, r6, 1)
    sub(r7, r7, r5)
    sub(r5, r6, r5)
    mov(r6, r7)
    mov(r7, r14)
    b(CHANGED)

    # The same of a move: w in r4, z in r7; r3 is free until the pulls are added.
    label(OUT_OF_RANGE)
    data(2, 0x9B00 | _PASSED_TO_CAPS, 0x581B)  # ldr r3, [r3, r0]
    mov(r7, 0)
    cmp(r4, 0)
    blt(NEGATIVE)
    mov(r7, r10)
    sub(r4, r4, r7)
    cmp(r4, r3)
    ble(MOVE_CAPPED)
    mov(r4, r3)
    b(MOVE_CAPPED)
    label(NEGATIVE)
    neg(r3, r3)
    cmp(r4, r3)
    bge(MOVE_CAPPED)
    mov(r4, r3)
    label(MOVE_CAPPED)
    asr(r3, r7, 1)
    sub(r3, r3, r4)
    sub(r4, r7, r4)
    mov(r7, r3)
    b(MOVED)

    # Outputs, on to whose pulls the demand's are added.
    label(OUTPUT_ROWS)
    data(2, 0x9C00 | _BLOCK)
    ldr(r1, [r4, 4 * _ITERATE_OUTPUTS])
    ldr(r2, [r4, 4 * _ITERATE_OUTPUT_PULL])
    ldr(r3, [r4, 4 * _ITERATE_SOFT_SHIFT])
    mov(r9, r3)
    ldr(r3, [r4, 4 * _ITERATE_WIDTH])
    mov(r8, r3)
    data(2, 0x9B00 | _OUTPUTS_END)
    mov(r11, r3)
    ldr(r3, [r4, 4 * _ITERATE_GOALS])
    label(OUTPUT)
    data(2, 0xC910, 0xCBC0)  # ldm r1!, {r4}; ldm r3!, {r6, r7}
    ldr(r5, [r0, 0])
    sub(r5, r5, r4)
    asr(r4, r4, 1)
    sub(r4, r4, r5)
    sub(r5, r4, r6)
    data(2, 0x4545)  # cmp r5, r8
    bhi(OUT_OF_BAND)  # unsigned: below the band as well
    asr(r5, r4, 1)
    label(PUT)
    data(2, 0xC020)  # stm r0!, {r5}
    add(r4, r4, r7)
    data(2, 0xC210)  # stm r2!, {r4}
    data(2, 0x4559)  # cmp r1, r11
    bne(OUTPUT)
    b(PULLS)

    # Beyond a bound by r5, capped; a share of it is kept, the rest is w.
    label(OUT_OF_BAND)
    data(2, 0x9C00 | _TO_CAPS, 0x5824)  # ldr r4, [r4, r0]
    cmp(r5, 0)
    blt(BELOW_BAND)
    mov(r12, r4)
    mov(r4, r8)
    sub(r5, r5, r4)
    add(r6, r6, r4)
    mov(r4, r12)
    cmp(r5, r4)
    ble(BAND_CAPPED)
    mov(r5, r4)
    b(BAND_CAPPED)
    label(BELOW_BAND)
    neg(r4, r4)
    cmp(r5, r4)
    bge(BAND_CAPPED)
    mov(r5, r4)
    label(BAND_CAPPED)
    mov(r12, r5)
    mov(r4, r9)
    asr(r5, r4)
    add(r6, r6, r5)
    mov(r4, r12)
    sub(r4, r4, r5)
    asr(r5, r6, 1)
    sub(r5, r5, r4)
    sub(r4, r6, r4)
    b(PUT)

    # Right-hand side, four at a time: what outputs pull, from the diagonal on, is added.
    label(PULLS)
    data(2, 0x9C00 | _BLOCK)
    ldr(r0, [r4, 4 * _ITERATE_PULLED])
    ldr(r1, [r4, 4 * _ITERATE_OUTPUT_PULL])
    data(2, 0x9B00 | _SKIP)
    label(FOUR_PULLS)
    data(2, 0x9300 | _ENTER)
    mov(r12, r1)
    data(2, 0x9C00 | _PULL_HALF)
    mov(r8, r4)
    mov(r9, r4)
    mov(r10, r4)
    mov(r11, r4)
    bl(PRODUCT)
    data(2, 0x9B00 | _PULL_SHIFT)
    asr(r4, r3)
    asr(r5, r3)
    asr(r6, r3)
    asr(r7, r3)
    mov(r1, r12)
    data(2, 0x9A00 | _TO_RIGHT)
    add(r2, r2, r1)
    ldr(r3, [r2, 0])
    add(r4, r4, r3)
    ldr(r3, [r2, 4])
    add(r5, r5, r3)
    ldr(r3, [r2, 8])
    add(r6, r6, r3)
    ldr(r3, [r2, 12])
    add(r7, r7, r3)
    data(2, 0xC2F0)  # stm r2!, {r4-r7}
    data(2, 0x9B00 | _ENTER)
    add(r3, 2 * _STEP_BYTES)
    add(r1, 16)
    data(2, 0x9A00 | _PULLS_END)
    cmp(r1, r2)
    bne(FOUR_PULLS)
    data(2, 0x9C00 | _BLOCK)
    ldr(r3, [r4, 4 * _ITERATE_BEFORE])
    data(2, 0x9A00 | _RIGHT)
    ldr(r1, [r2, 0])
    add(r1, r1, r3)
    str(r1, [r2, 0])

    # Moves, four at a time: factor @ right-hand side.
    ldr(r0, [r4, 4 * _ITERATE_FACTOR])
    data(2, 0x9900 | _MOVES)
    label(FOUR_MOVES)
    mov(r12, r1)
    data(2, 0x9C00 | _FACTOR_HALF)
    mov(r8, r4)
    mov(r9, r4)
    mov(r10, r4)
    mov(r11, r4)
    data(2, 0x9900 | _RIGHT)
    data(2, 0x9B00 | _SKIP)
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
    data(2, 0x9A00 | _MOVES_END)
    cmp(r1, r2)
    bne(FOUR_MOVES)
    b(ANSWERS)

    # Clamp all four to r3..r2.
    label(CLAMP)
    cmp(r4, r2)
    ble(UPPER_4)
    mov(r4, r2)
    label(UPPER_4)
    cmp(r4, r3)
    bge(LOWER_5)
    mov(r4, r3)
    label(LOWER_5)
    cmp(r5, r2)
    ble(UPPER_5)
    mov(r5, r2)
    label(UPPER_5)
    cmp(r5, r3)
    bge(LOWER_6)
    mov(r5, r3)
    label(LOWER_6)
    cmp(r6, r2)
    ble(UPPER_6)
    mov(r6, r2)
    label(UPPER_6)
    cmp(r6, r3)
    bge(LOWER_7)
    mov(r6, r3)
    label(LOWER_7)
    cmp(r7, r2)
    ble(UPPER_7)
    mov(r7, r2)
    label(UPPER_7)
    cmp(r7, r3)
    bge(CLAMPED)
    mov(r7, r3)
    b(CLAMPED)

    # Outputs, four at a time: block b of the triangle has 2b + 2 steps.
    label(ANSWERS)
    data(2, 0x9A00 | _BLOCK)
    ldr(r0, [r2, 4 * _ITERATE_RESPONSE])
    mov(r3, 18)
    mov(r1, _STEP_BYTES)
    mul(r3, r1)
    label(FOUR_OUTPUTS)
    mov(r12, r3)
    data(2, 0x9C00 | _RESPONSE_HALF)
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

    data(2, 0x9900 | _LEFT)
    sub(r1, r1, 1)
    data(2, 0x9100 | _LEFT)
    beq(LAST)
    b(ITERATION)
    label(LAST)
    b(DONE)

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

    # Give the high registers back.
    label(DONE)
    mov(r0, 0)
    data(2, 0xB000 | _FRAME_WORDS)  # add sp
    pop({r4, r5, r6, r7})
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
