# SPDX-License-Identifier: MIT
"""The active set in machine code for the Cortex-M0+ of the RP2040.

It means the words of core/active_set_twin.py, which says why, and tests run this very
code against it.  Instructions beyond MicroPython's assembler stand as opcodes, as in
kernels_thumb.py.
"""

import micropython

from pump.compat import const

# Words of the block: the same numbers as in core/blocks.py; a test holds the two equal.
_SETS = const(0)
_SEGMENTS = const(1)
_RECIPROCALS = const(2)
_MOVES = const(3)
_WEIGHTS = const(4)
_OFFSETS = const(5)
_GRADIENT = const(6)
_DUALS = const(7)
_OUTPUTS = const(8)
_DEMAND = const(9)
_HORIZON = const(10)
_CHANGE = const(11)
_ONE = const(12)
_MOVE_BEFORE = const(13)
_BAND_LOW = const(14)
_BAND_HIGH = const(15)
_HARD = const(16)
_SOFT = const(17)
_OFFSET_LOW = const(18)
_OFFSET_HIGH = const(19)
_SLACK = const(20)
_OUTPUT_SLACK = const(21)
_OUTPUT_COUNT = const(22)

# Words of the stack frame.
_AT_BLOCK = const(0)
_AT_LAST = const(1)  # the move before
_AT_CHANGE = const(2)
_AT_ONE = const(3)
_AT_BYTES = const(4)  # of N words
_FRAME_WORDS = const(5)


# Registers, phase by phase:
#   moves     r0 next change row  r1 next move  r2 begin of the segment  r3 next segment
#             r4 tied, then spare  r5 bound  r6 the move  r7 spare  r8 fixed
#             r9 bytes of N words  r10 reciprocals  r12 end of the change rows
#   CLOSE     r1 end of the segment  r4, r7 spare  r14 way back
#   outputs   r0 next output row  r1 next weight  r2 next offset  r3 count  r4 side
#             r5 weight  r6 offset  r7 block  r12 end of the output rows
@micropython.asm_thumb
def tie(r0) -> int:
    """Put moves, segments, weights and offsets as the guess asks; count the soft outputs."""
    mov(r4, r8)
    mov(r5, r9)
    mov(r6, r10)
    mov(r7, r11)
    push({r4, r5, r6, r7})
    data(2, 0xB080 | _FRAME_WORDS)  # sub sp
    mov(r7, r0)
    data(2, 0x9700 | _AT_BLOCK)  # str r7
    ldr(r4, [r7, 4 * _MOVE_BEFORE])
    data(2, 0x9400 | _AT_LAST)  # str r4
    ldr(r4, [r7, 4 * _CHANGE])
    data(2, 0x9400 | _AT_CHANGE)  # str r4
    ldr(r4, [r7, 4 * _ONE])
    data(2, 0x9400 | _AT_ONE)  # str r4
    ldr(r4, [r7, 4 * _RECIPROCALS])
    mov(r10, r4)
    ldr(r4, [r7, 4 * _HORIZON])
    lsl(r4, r4, 2)
    mov(r9, r4)
    ldr(r0, [r7, 4 * _SETS])
    ldr(r1, [r7, 4 * _MOVES])
    ldr(r3, [r7, 4 * _SEGMENTS])
    add(r4, r4, r0)
    mov(r12, r4)
    mov(r2, r1)
    mov(r4, 1)
    mov(r8, r4)

    # Where a change row is active the move follows from the one before.
    label(EACH_MOVE)
    ldr(r4, [r0, 0])
    mov(r7, r9)
    data(2, 0x59C5)  # ldr r5, [r0, r7]
    data(2, 0x9E00 | _AT_CHANGE)  # ldr r6
    mul(r6, r4)
    data(2, 0x9F00 | _AT_LAST)  # ldr r7
    add(r6, r6, r7)

    # On a fixed chain an active bound is one row too many.
    cmp(r4, 0)
    beq(FREE)
    cmp(r5, 0)
    beq(TIED)
    mov(r7, r8)
    cmp(r7, 0)
    beq(TIED)
    cmp(r5, 0)
    bgt(UPPER)
    cmp(r6, 0)
    blt(UNTIE)
    b(UNBIND)
    label(UPPER)
    data(2, 0x9F00 | _AT_ONE)  # ldr r7
    cmp(r6, r7)
    bgt(UNTIE)
    label(UNBIND)
    mov(r5, 0)
    mov(r7, r9)
    data(2, 0x51C5)  # str r5, [r0, r7]
    b(TIED)
    label(UNTIE)
    mov(r4, 0)
    str(r4, [r0, 0])

    # A move that is not tied begins a segment.
    label(FREE)
    data(2, 0x9E00 | _AT_BLOCK)  # ldr r6
    ldr(r6, [r6, 4 * _MOVES])
    cmp(r1, r6)
    beq(OPEN)
    bl(CLOSE)
    label(OPEN)
    mov(r2, r1)
    mov(r4, 0)
    mov(r8, r4)
    b(PLACED)
    label(TIED)
    str(r6, [r1, 0])

    # An active bound lifts its whole segment to where it holds, and fixes it.
    label(PLACED)
    ldr(r6, [r1, 0])
    add(r1, 4)
    cmp(r5, 0)
    beq(NEXT_MOVE)
    mov(r4, 0)
    cmp(r5, 0)
    blt(LIFT)
    data(2, 0x9C00 | _AT_ONE)  # ldr r4
    label(LIFT)
    sub(r5, r4, r6)
    mov(r6, r2)
    label(EACH_LIFTED)
    ldr(r7, [r6, 0])
    add(r7, r7, r5)
    data(2, 0xC680)  # stm r6!, {r7}
    cmp(r6, r1)
    bne(EACH_LIFTED)
    mov(r6, r4)
    mov(r4, 1)
    mov(r8, r4)
    label(NEXT_MOVE)
    data(2, 0x9600 | _AT_LAST)  # str r6
    add(r0, 4)
    data(2, 0x4560)  # cmp r0, r12
    bne(EACH_MOVE)
    bl(CLOSE)

    # Weight and offset of every output.
    data(2, 0x9F00 | _AT_BLOCK)  # ldr r7
    ldr(r0, [r7, 4 * _SETS])
    mov(r4, r9)
    add(r0, r0, r4)
    add(r0, r0, r4)
    ldr(r4, [r7, 4 * _OUTPUT_COUNT])
    lsl(r4, r4, 2)
    add(r4, r4, r0)
    mov(r12, r4)
    ldr(r1, [r7, 4 * _WEIGHTS])
    ldr(r2, [r7, 4 * _OFFSETS])
    mov(r3, 0)
    label(EACH_OUTPUT)
    data(2, 0xC810)  # ldm r0!, {r4}
    ldr(r5, [r7, 4 * _HARD])
    mov(r6, 0)
    cmp(r4, 0)
    beq(WEIGHED)
    add(r3, 1)
    ldr(r5, [r7, 4 * _SOFT])
    ldr(r6, [r7, 4 * _OFFSET_LOW])
    cmp(r4, 0)
    blt(WEIGHED)
    ldr(r6, [r7, 4 * _OFFSET_HIGH])
    label(WEIGHED)
    data(2, 0xC120)  # stm r1!, {r5}
    data(2, 0xC240)  # stm r2!, {r6}
    data(2, 0x4560)  # cmp r0, r12
    bne(EACH_OUTPUT)
    b(DONE)

    # CLOSE: the segment from r2 to r1 is complete: its length, and what divides by it.
    label(CLOSE)
    sub(r4, r1, r2)
    mov(r7, r10)
    data(2, 0x593F)  # ldr r7, [r7, r4]
    lsr(r4, r4, 2)
    data(2, 0xC310)  # stm r3!, {r4}
    mov(r4, r8)
    cmp(r4, 0)
    beq(CLOSED)
    mov(r7, 0)
    label(CLOSED)
    data(2, 0xC380)  # stm r3!, {r7}
    mov(pc, r14)

    label(DONE)
    mov(r0, r3)
    data(2, 0xB000 | _FRAME_WORDS)  # add sp
    pop({r4, r5, r6, r7})
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)


# Registers, phase by phase:
#   multipliers  r0 next segment  r1 begin  r2 end  r3 held (places of the gradient's words)
#                r4 sum  r5 spare  r6 duals less gradient (bytes)  r7 spare  r8 bytes of N words
#                r9 sets less gradient  r10 rest  r11 the first move's place  r12 end of all
#   rows         r0 next row  r1 next dual  r2 next move  r3 value  r4 new side  r5 dual
#                r6 side  r7 last move  r8, r9 bounds with slack  r10 least multiplier
#                r11 count  r12 end  r14 mask of the last move
#   outputs      r0 next row  r1 next output  r2 next demand  r3 error  r4 new side
#                r5 side  r6 slack  r7 spare  r8, r9 band  r11 count  r12 end
@micropython.asm_thumb
def judge(r0) -> int:
    """Mend the guess by multipliers and violated rows; count the rows that changed."""
    mov(r4, r8)
    mov(r5, r9)
    mov(r6, r10)
    mov(r7, r11)
    push({r4, r5, r6, r7})
    data(2, 0xB080 | _FRAME_WORDS)  # sub sp
    mov(r7, r0)
    data(2, 0x9700 | _AT_BLOCK)  # str r7
    ldr(r4, [r7, 4 * _HORIZON])
    lsl(r4, r4, 2)
    mov(r8, r4)

    # No bound has a multiplier yet.
    ldr(r1, [r7, 4 * _DUALS])
    add(r1, r1, r4)
    add(r2, r1, r4)
    mov(r3, 0)
    label(EACH_CLEARED)
    data(2, 0xC108)  # stm r1!, {r3}
    cmp(r1, r2)
    bne(EACH_CLEARED)

    # Multipliers: find where each segment is fixed.
    ldr(r0, [r7, 4 * _SEGMENTS])
    ldr(r1, [r7, 4 * _GRADIENT])
    mov(r11, r1)
    ldr(r6, [r7, 4 * _DUALS])
    sub(r6, r6, r1)
    ldr(r5, [r7, 4 * _SETS])
    sub(r5, r5, r1)
    mov(r9, r5)
    add(r4, r4, r1)
    mov(r12, r4)

    label(EACH_SEGMENT)
    data(2, 0xC830)  # ldm r0!, {r4, r5}
    lsl(r4, r4, 2)
    add(r2, r1, r4)
    mov(r3, r2)
    cmp(r5, 0)
    bne(HELD)
    mov(r7, r9)
    mov(r3, r1)
    data(2, 0x4559)  # cmp r1, r11
    bne(FIND)
    data(2, 0x59CC)  # ldr r4, [r1, r7]
    cmp(r4, 0)
    beq(FIND)
    sub(r3, 4)
    b(HELD)
    label(FIND)
    data(2, 0x4447)  # add r7, r8
    label(EACH_SOUGHT)
    data(2, 0x59DC)  # ldr r4, [r3, r7]
    cmp(r4, 0)
    bne(HELD)
    add(r3, 4)
    b(EACH_SOUGHT)

    # Forwards to it the sums of the gradient.
    label(HELD)
    mov(r4, 0)
    mov(r10, r4)
    mov(r7, r1)
    label(EACH_FORWARD)
    cmp(r7, r3)
    bgt(FORWARDED)
    cmp(r7, r2)
    beq(FORWARDED)
    data(2, 0x51BC)  # str r4, [r7, r6]
    data(2, 0xCF20)  # ldm r7!, {r5}
    add(r4, r4, r5)
    b(EACH_FORWARD)
    label(FORWARDED)

    # Backwards to it the sums of the rest.
    mov(r7, r2)
    label(EACH_BACKWARD)
    sub(r7, 4)
    cmp(r7, r3)
    ble(HANDED)
    cmp(r7, r1)
    blt(HANDED)
    ldr(r5, [r7, 0])
    data(2, 0x44AA)  # add r10, r5
    mov(r5, r10)
    neg(r5, r5)
    data(2, 0x51BD)  # str r5, [r7, r6]
    b(EACH_BACKWARD)

    # What meets there is the bound's own.
    label(HANDED)
    cmp(r3, r1)
    blt(NEXT_SEGMENT)
    cmp(r3, r2)
    bge(NEXT_SEGMENT)
    mov(r5, r10)
    add(r4, r4, r5)
    neg(r4, r4)
    mov(r5, r8)
    add(r5, r5, r6)
    data(2, 0x515C)  # str r4, [r3, r5]
    label(NEXT_SEGMENT)
    mov(r1, r2)
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_SEGMENT)

    # Changes, then moves: a wrong sign drops a row, a violation adds it.
    data(2, 0x9F00 | _AT_BLOCK)  # ldr r7
    ldr(r0, [r7, 4 * _SETS])
    ldr(r1, [r7, 4 * _DUALS])
    ldr(r2, [r7, 4 * _MOVES])
    ldr(r4, [r7, 4 * _CHANGE])
    ldr(r5, [r7, 4 * _SLACK])
    ldr(r7, [r7, 4 * _MOVE_BEFORE])
    mov(r6, 0)
    mov(r11, r6)
    sub(r6, 1)
    mov(r14, r6)
    neg(r6, r5)
    mov(r10, r6)
    add(r4, r4, r5)
    mov(r9, r4)
    neg(r4, r4)
    mov(r6, r8)
    add(r6, r6, r0)
    mov(r12, r6)
    b(ROWS)
    label(MOVES)
    data(2, 0x9F00 | _AT_BLOCK)  # ldr r7
    ldr(r2, [r7, 4 * _MOVES])
    ldr(r4, [r7, 4 * _ONE])
    ldr(r5, [r7, 4 * _SLACK])
    mov(r7, 0)
    mov(r14, r7)
    mov(r6, r8)
    data(2, 0x44B4)  # add r12, r6
    add(r4, r4, r5)
    mov(r9, r4)
    neg(r4, r5)
    label(ROWS)
    mov(r5, r8)
    data(2, 0x9500 | _AT_BYTES)  # str r5
    mov(r8, r4)
    label(EACH_ROW)
    data(2, 0xCA10)  # ldm r2!, {r4}
    sub(r3, r4, r7)
    mov(r7, r14)
    and_(r7, r4)
    data(2, 0xC920)  # ldm r1!, {r5}
    ldr(r6, [r0, 0])
    mov(r4, 0)
    cmp(r6, 0)
    beq(INACTIVE)
    mul(r5, r6)
    data(2, 0x4555)  # cmp r5, r10
    blt(DECIDED)
    mov(r4, r6)
    b(DECIDED)
    label(INACTIVE)
    data(2, 0x454B)  # cmp r3, r9
    ble(NOT_ABOVE)
    mov(r4, 1)
    b(DECIDED)
    label(NOT_ABOVE)
    data(2, 0x4543)  # cmp r3, r8
    bge(DECIDED)
    sub(r4, 1)
    label(DECIDED)
    cmp(r4, r6)
    beq(NEXT_ROW)
    mov(r5, 1)
    data(2, 0x44AB)  # add r11, r5
    label(NEXT_ROW)
    data(2, 0xC010)  # stm r0!, {r4}
    data(2, 0x4560)  # cmp r0, r12
    bne(EACH_ROW)
    data(2, 0x9D00 | _AT_BYTES)  # ldr r5
    mov(r8, r5)
    mov(r4, r14)
    cmp(r4, 0)
    bne(MOVES)

    # Outputs: beyond the band, with a slack that keeps what was decided.
    data(2, 0x9F00 | _AT_BLOCK)  # ldr r7
    ldr(r1, [r7, 4 * _OUTPUTS])
    ldr(r2, [r7, 4 * _DEMAND])
    ldr(r6, [r7, 4 * _OUTPUT_SLACK])
    ldr(r5, [r7, 4 * _OUTPUT_COUNT])
    lsl(r5, r5, 2)
    add(r5, r5, r0)
    mov(r12, r5)
    ldr(r4, [r7, 4 * _BAND_LOW])
    mov(r8, r4)
    ldr(r4, [r7, 4 * _BAND_HIGH])
    mov(r9, r4)
    label(EACH_OUTPUT)
    data(2, 0xC908)  # ldm r1!, {r3}
    data(2, 0xCA80)  # ldm r2!, {r7}
    lsl(r7, r7, 6)
    sub(r3, r3, r7)
    ldr(r5, [r0, 0])
    mov(r4, 0)
    mov(r7, r9)
    cmp(r5, 0)
    bgt(ABOVE)
    add(r7, r7, r6)
    b(JUDGE_HIGH)
    label(ABOVE)
    sub(r7, r7, r6)
    label(JUDGE_HIGH)
    cmp(r3, r7)
    ble(NOT_HIGH)
    mov(r4, 1)
    b(JUDGED)
    label(NOT_HIGH)
    mov(r7, r8)
    cmp(r5, 0)
    blt(BELOW)
    sub(r7, r7, r6)
    b(JUDGE_LOW)
    label(BELOW)
    add(r7, r7, r6)
    label(JUDGE_LOW)
    cmp(r3, r7)
    bge(JUDGED)
    sub(r4, 1)
    label(JUDGED)
    cmp(r4, r5)
    beq(NEXT_OUTPUT)
    mov(r7, 1)
    data(2, 0x44BB)  # add r11, r7
    label(NEXT_OUTPUT)
    data(2, 0xC010)  # stm r0!, {r4}
    data(2, 0x4560)  # cmp r0, r12
    bne(EACH_OUTPUT)

    mov(r0, r11)
    data(2, 0xB000 | _FRAME_WORDS)  # add sp
    pop({r4, r5, r6, r7})
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
