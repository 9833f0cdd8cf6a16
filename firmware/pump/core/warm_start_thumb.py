# SPDX-License-Identifier: MIT
"""What iterations and guesses start from, in machine code for the Cortex-M0+ of the RP2040.

It means the words of core/warm_start_twin.py, and tests run this very code against it.
At N = 20: `begin` about 600 cycles, `shift` 580, `read` 2,400; viper needed twenty times
as many.  High registers, ldm, stm and the stack pointer are beyond MicroPython's
assembler, so those instructions stand as opcodes.
"""

import micropython

from pump.compat import const

# Words of the blocks: the same numbers as in core/blocks.py, which the assembler cannot
# import; a test holds the two equal.
_BEGIN_CARRIES = const(0)
_BEGIN_MOVES = const(1)
_BEGIN_OUTPUTS = const(2)
_BEGIN_GOALS = const(3)
_BEGIN_DEMAND = const(4)
_BEGIN_HORIZON = const(5)
_BEGIN_BAND_LOW = const(6)
_BEGIN_ASKED_GAIN = const(7)
_BEGIN_ASKED_SHIFT = const(8)

_GUESS_SETS = const(0)
_GUESS_MOVES = const(1)
_GUESS_HORIZON = const(2)
_GUESS_ITERATE = const(3)

_ITERATE_CARRIES = const(3)
_ITERATE_GOALS = const(5)
_ITERATE_MOVES = const(8)
_ITERATE_OUTPUTS = const(9)
_ITERATE_HORIZON = const(10)
_ITERATE_CHANGE = const(11)
_ITERATE_ONE = const(12)
_ITERATE_WIDTH = const(13)
_ITERATE_SOFT_SHIFT = const(15)
_ITERATE_MOVE_BEFORE = const(19)

_FINE_BITS = const(6)

# Words of `read`'s stack frame.
_CHANGE = const(0)
_ONE = const(1)  # then the width of the band
_ROWS = const(2)  # bytes of N words
_TO_PLAN = const(3)  # bytes from a move that was passed to its place in the plan
_ADMM = const(4)  # the block of the iteration
_FRAME_WORDS = const(5)


# Registers of `begin`:
#   CLEAR   r0 next word  r1 words left  r2 zero
#   GOAL    r0 next goal  r1 next demand  r2 its end  r3 demand  r4 what it asks
#           r5 low edge of the band  r6 gain  r7 shift  r12 half  r14 way back
@micropython.asm_thumb
def begin(r0) -> int:
    """Forget the iteration before, and set what this tick's demand asks of it; return 0."""
    mov(r7, r0)
    mov(r2, 0)
    ldr(r3, [r7, 4 * _BEGIN_HORIZON])
    ldr(r0, [r7, 4 * _BEGIN_CARRIES])
    add(r1, r3, r3)
    add(r1, r1, r3)
    bl(CLEAR)
    ldr(r0, [r7, 4 * _BEGIN_MOVES])
    mov(r1, r3)
    bl(CLEAR)
    ldr(r0, [r7, 4 * _BEGIN_OUTPUTS])
    mov(r1, r3)
    bl(CLEAR)

    ldr(r0, [r7, 4 * _BEGIN_GOALS])
    ldr(r1, [r7, 4 * _BEGIN_DEMAND])
    lsl(r2, r3, 2)
    add(r2, r2, r1)
    ldr(r5, [r7, 4 * _BEGIN_BAND_LOW])
    ldr(r6, [r7, 4 * _BEGIN_ASKED_GAIN])
    ldr(r7, [r7, 4 * _BEGIN_ASKED_SHIFT])
    mov(r3, 1)
    sub(r4, r7, 1)
    lsl(r3, r4)
    mov(r12, r3)
    label(GOAL)
    data(2, 0xC908)  # ldm r1!, {r3}
    mov(r4, r3)
    mul(r4, r6)
    data(2, 0x4464)  # add r4, r12
    asr(r4, r7)
    add(r3, r3, r5)
    data(2, 0xC018)  # stm r0!, {r3, r4}
    cmp(r1, r2)
    bne(GOAL)
    b(DONE)

    # N words are a multiple of four.
    label(CLEAR)
    data(2, 0xC004)  # stm r0!, {r2}
    data(2, 0xC004)
    data(2, 0xC004)
    data(2, 0xC004)
    sub(r1, r1, 4)
    bne(CLEAR)
    mov(pc, r14)

    label(DONE)
    mov(r0, 0)


# Registers of `shift`:
#   r0 next word  r1 block  r3 word  r5 last word of the group
#   r6 bytes from a group's first word to its last  r14 way back
@micropython.asm_thumb
def shift(r0) -> int:
    """Move guess and plan one tick on, the last entry of each group is kept; return 0."""
    mov(r1, r0)
    ldr(r6, [r1, 4 * _GUESS_HORIZON])
    lsl(r6, r6, 2)
    sub(r6, 4)
    ldr(r0, [r1, 4 * _GUESS_SETS])
    bl(GROUP)
    bl(GROUP)
    bl(GROUP)
    ldr(r0, [r1, 4 * _GUESS_MOVES])
    bl(GROUP)
    b(DONE)

    label(GROUP)
    add(r5, r0, r6)
    label(WORD)
    ldr(r3, [r0, 4])
    data(2, 0xC008)  # stm r0!, {r3}
    cmp(r0, r5)
    bne(WORD)
    add(r0, 4)
    mov(pc, r14)

    label(DONE)
    mov(r0, 0)


# Registers of `read`:
#   r0 next carry  r1 next move or output  r2 next of the guess  r8 end of r1
#   r9 changes of carries  r10 soft shift, 0 for none  r11 the move  r12 last move, or next goal
#   ROW: in r5 tilde, r6 carry, r3 low, r7 high; out r3 side, r5 z; r4 and r7 spare
@micropython.asm_thumb
def read(r0) -> int:
    """Take the guess from the iteration; return the or of how far each carry would change."""
    mov(r4, r8)
    mov(r5, r9)
    mov(r6, r10)
    mov(r7, r11)
    push({r4, r5, r6, r7})
    data(2, 0xB080 | _FRAME_WORDS)  # sub sp
    ldr(r7, [r0, 4 * _GUESS_ITERATE])
    ldr(r2, [r0, 4 * _GUESS_SETS])
    ldr(r3, [r0, 4 * _GUESS_MOVES])
    ldr(r1, [r7, 4 * _ITERATE_MOVES])
    sub(r3, r3, r1)
    sub(r3, 4)
    data(2, 0x9300 | _TO_PLAN)  # str r3, [sp, TO_PLAN]
    ldr(r4, [r7, 4 * _ITERATE_HORIZON])
    lsl(r4, r4, 2)
    data(2, 0x9400 | _ROWS)
    add(r4, r4, r1)
    mov(r8, r4)
    ldr(r4, [r7, 4 * _ITERATE_CHANGE])
    data(2, 0x9400 | _CHANGE)
    ldr(r4, [r7, 4 * _ITERATE_ONE])
    data(2, 0x9400 | _ONE)
    ldr(r4, [r7, 4 * _ITERATE_MOVE_BEFORE])
    mov(r12, r4)
    ldr(r0, [r7, 4 * _ITERATE_CARRIES])
    data(2, 0x9700 | _ADMM)
    mov(r4, 0)
    mov(r9, r4)
    mov(r10, r4)

    label(MOVE)
    data(2, 0xC920, 0xC840)  # ldm r1!, {r5}; ldm r0!, {r6}
    mov(r11, r5)
    mov(r3, r12)
    mov(r12, r5)
    sub(r5, r5, r3)
    data(2, 0x9F00 | _CHANGE)
    neg(r3, r7)
    bl(ROW)
    str(r3, [r2, 0])
    data(2, 0xC840)  # ldm r0!, {r6}
    mov(r5, r11)
    data(2, 0x9F00 | _ONE)
    mov(r3, 0)
    bl(ROW)
    data(2, 0x9C00 | _ROWS)
    data(2, 0x5113)  # str r3, [r2, r4]
    lsl(r5, r5, _FINE_BITS)
    data(2, 0x9C00 | _TO_PLAN)
    data(2, 0x510D)  # str r5, [r1, r4]
    add(r2, 4)
    data(2, 0x4541)  # cmp r1, r8
    bne(MOVE)
    b(OUTPUTS)

    # The row's argument, the side it is on, and what it would carry: (z >> 1) - w.
    label(ROW)
    asr(r4, r5, 1)
    add(r5, r5, r4)
    sub(r5, r5, r6)
    cmp(r5, r3)
    blt(BELOW)
    cmp(r5, r7)
    bgt(ABOVE)
    mov(r3, 0)
    asr(r7, r5, 1)
    b(CHANGED)
    label(BELOW)
    sub(r7, r5, r3)
    mov(r5, r3)
    mov(r3, 0)
    sub(r3, r3, 1)
    b(BEYOND)
    label(ABOVE)
    sub(r3, r5, r7)
    mov(r5, r7)
    mov(r7, r3)
    mov(r3, 1)
    label(BEYOND)
    mov(r4, r10)
    cmp(r4, 0)
    beq(HARD)
    push({r7})
    asr(r7, r4)
    add(r5, r5, r7)
    mov(r4, r7)
    pop({r7})
    sub(r7, r7, r4)
    label(HARD)
    asr(r4, r5, 1)
    sub(r7, r4, r7)
    label(CHANGED)
    sub(r7, r7, r6)
    asr(r4, r7, 31)
    eor(r7, r4)
    mov(r4, r9)
    orr(r4, r7)
    mov(r9, r4)
    mov(pc, r14)

    # Outputs come behind the moves' part of the guess.
    label(OUTPUTS)
    data(2, 0x9C00 | _ROWS)
    add(r2, r2, r4)
    data(2, 0x9F00 | _ADMM)
    ldr(r1, [r7, 4 * _ITERATE_OUTPUTS])
    add(r4, r4, r1)
    mov(r8, r4)
    ldr(r4, [r7, 4 * _ITERATE_SOFT_SHIFT])
    mov(r10, r4)
    ldr(r4, [r7, 4 * _ITERATE_WIDTH])
    data(2, 0x9400 | _ONE)
    ldr(r4, [r7, 4 * _ITERATE_GOALS])
    mov(r12, r4)
    label(OUTPUT)
    data(2, 0xC920, 0xC840)  # ldm r1!, {r5}; ldm r0!, {r6}
    mov(r4, r12)
    ldr(r3, [r4, 0])
    add(r4, 8)
    mov(r12, r4)
    data(2, 0x9F00 | _ONE)
    add(r7, r7, r3)
    bl(ROW)
    data(2, 0xC208)  # stm r2!, {r3}
    data(2, 0x4541)  # cmp r1, r8
    bne(OUTPUT)

    mov(r0, r9)
    data(2, 0xB000 | _FRAME_WORDS)  # add sp
    pop({r4, r5, r6, r7})
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
