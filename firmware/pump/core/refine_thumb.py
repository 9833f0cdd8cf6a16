# SPDX-License-Identifier: MIT
"""The kernel of the exact finish in machine code for the Cortex-M0+ of the RP2040.

It means the bits of core/refine_twin.py, and tests run this very code against it.
Int32 words in, int32 words out; sums wrap, which is harmless where the last one fits.
Instructions beyond MicroPython's assembler stand as opcodes, as in kernels_thumb.py.
"""

import micropython

from pump.compat import const

# Words of the block: the same numbers as in core/blocks.py; a test holds the two equal.
_RESPONSE = const(0)
_INVERSE = const(1)
_SEGMENTS = const(2)
_WEIGHTS = const(3)
_OFFSETS = const(4)
_DEMAND = const(5)
_MOVES = const(6)
_OUTPUTS = const(7)
_GRADIENT = const(8)
_RESIDUAL = const(9)
_DIRECTION = const(10)
_CURVATURE = const(11)
_STEP = const(12)
_HIGH = const(13)
_LOW = const(14)
_HORIZON = const(15)
_RESPONSE_SHIFT = const(16)
_WEIGHT_SHIFT = const(17)
_SPARE_SHIFT = const(18)
_CHANGE_GAIN = const(19)
_CHANGE_SHIFT = const(20)
_MOVE_BEFORE = const(21)
_STOP = const(22)
_DIRECTIONS_MAX = const(23)
_MASK = const(24)

# Words of the stack frame.
_AT_VECTOR = const(0)  # of a product: x, where its next results go, their end
_AT_OUT = const(1)
_AT_OUT_END = const(2)
_AT_SHIFT = const(3)  # and half of what it shifts out
_AT_HALF = const(4)
_AT_GROWTH = const(5)  # bytes by which a block of rows is wider than the one before
_AT_BLOCK = const(6)
_AT_BYTES = const(7)  # of N words
_AT_EXPONENT = const(8)  # the residual was divided by 2**this
_AT_LEFT = const(9)  # directions
_AT_ALONG = const(10)  # half the last direction's curvature along itself; 0 before the first
_AT_SCALE = const(11)  # the curvature was divided by 2**this
_FRAME_WORDS = const(12)


# Registers, phase by phase; r0 to r7 are spare where not named:
#   PRODUCT      r0 next coefficients  r1 next of x  r2, r3 two of x  r4-r7 four
#                coefficients  r8-r11 four sums  r12 end of the columns  r14 way back
#   PROJECT      r0 next segment  r1 next value  r2 next mean  r4 moves left in it
#                r5 its reciprocal  r6 mask  r7 sum, then mean  r8 length  r12 end
#   NORMALISE    r1 next value  r4 limit, then half  r5 exponent  r6 mask  r12 end
#   DOT          r1, r2 next values  r7 sum  r12 end
#   RATIO        r4 numerator  r5 divisor  r6 quotient  r7 shift
#   conjugate    r0 ahead  r2 direction  r3 gain  r5 half  r6 mask  r7 shift  r12 end
#   curvature    r1 next move  r2 last pull  r3 next result  r4-r6 right, this, left
#                r7 result  r8 half  r9 gain  r10 its shift  r12 end
#   step         r0 residual  r1 curvature  r2 direction  r3 step  r6 gain  r8, r9 its
#                shifts  r10 clamp  r11, r14 halves  r12 end
#   errors       r0 outputs  r1 their low part  r2 weights  r3 offsets  r7 block
#                r8 demand  r9, r10 high and low part of the errors  r11 shift  r12 end
#   gradient     as the curvature, r0 next result  r3 low part of the pulls  r8 shift of
#                the bend's high part  r11 clamp  r14 right
@micropython.asm_thumb
def refine(r0) -> int:
    """Descend from the gradient of the last call, then take it anew; return its mask.

    N: a multiple of 4.  What the twin checks must fit int32.
    """
    # Save what the caller keeps in high registers, and open the frame.
    mov(r4, r8)
    mov(r5, r9)
    mov(r6, r10)
    mov(r7, r11)
    push({r4, r5, r6, r7})
    data(2, 0xB080 | _FRAME_WORDS)  # sub sp
    data(2, 0x9000 | _AT_BLOCK)  # str r0
    ldr(r7, [r0, 4 * _HORIZON])
    lsl(r7, r7, 2)
    data(2, 0x9700 | _AT_BYTES)  # str r7

    # Without directions or residual there is nothing but the gradient to take.
    ldr(r1, [r0, 4 * _DIRECTIONS_MAX])
    data(2, 0x9100 | _AT_LEFT)  # str r1
    ldr(r6, [r0, 4 * _MASK])
    cmp(r1, 0)
    ble(NO_DESCENT)
    cmp(r6, 0)
    bgt(DESCEND)
    label(NO_DESCENT)
    b(ERRORS)

    # Scale the residual to 13 bits; no step, no direction yet.
    label(DESCEND)
    ldr(r1, [r0, 4 * _RESIDUAL])
    mov(r4, 13)
    bl(NORMALISE)
    data(2, 0x9500 | _AT_EXPONENT)  # str r5
    mov(r4, 0)
    data(2, 0x9400 | _AT_ALONG)  # str r4
    ldr(r1, [r0, 4 * _STEP])
    data(2, 0x9F00 | _AT_BYTES)  # ldr r7
    add(r7, r7, r1)
    label(EACH_CLEARED)
    data(2, 0xC110)  # stm r1!, {r4}
    cmp(r1, r7)
    bne(EACH_CLEARED)

    # Ahead: the inverse times the residual, free segments only, in 12 bits.
    label(DIRECTION)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _RESIDUAL])
    ldr(r2, [r0, 4 * _HIGH])
    ldr(r0, [r0, 4 * _INVERSE])
    mov(r3, 6)
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    mov(r5, 0)
    bl(PRODUCT)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _HIGH])
    mov(r2, r1)
    bl(PROJECT)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _HIGH])
    mov(r4, 12)
    bl(NORMALISE)

    # Conjugate to the last direction: gain = - ahead along its curvature / along.
    mov(r6, 0)
    mov(r7, 1)
    data(2, 0x9D00 | _AT_ALONG)  # ldr r5
    cmp(r5, 0)
    beq(TURN)
    ldr(r1, [r0, 4 * _HIGH])
    ldr(r2, [r0, 4 * _CURVATURE])
    bl(DOT)
    mov(r4, r7)
    mov(r6, 0)
    mov(r7, 1)
    cmp(r4, 0)
    beq(TURN)
    mov(r8, r4)
    bgt(BACK)
    neg(r4, r4)
    label(BACK)
    data(2, 0x9D00 | _AT_ALONG)  # ldr r5
    bl(RATIO)
    cmp(r7, 1)
    blt(NO_TURN)
    cmp(r7, 31)
    bgt(NO_TURN)
    mov(r4, r8)
    cmp(r4, 0)
    blt(TURN)
    neg(r6, r6)
    b(TURN)
    label(NO_TURN)
    mov(r6, 0)
    mov(r7, 1)

    # direction = ahead + gain * direction, scaled to 12 bits.
    label(TURN)
    mov(r3, r6)
    mov(r5, 1)
    lsl(r5, r7)
    lsr(r5, r5, 1)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r2, [r0, 4 * _DIRECTION])
    ldr(r0, [r0, 4 * _HIGH])
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    add(r4, r4, r2)
    mov(r12, r4)
    mov(r6, 0)
    label(EACH_TURNED)
    ldr(r4, [r2, 0])
    mul(r4, r3)
    add(r4, r4, r5)
    asr(r4, r7)
    data(2, 0xC802)  # ldm r0!, {r1}
    add(r4, r4, r1)
    data(2, 0xC210)  # stm r2!, {r4}
    asr(r1, r4, 31)
    eor(r1, r4)
    orr(r6, r1)
    data(2, 0x4562)  # cmp r2, r12
    bne(EACH_TURNED)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _DIRECTION])
    mov(r4, 12)
    bl(NORMALISE)

    # Outputs of the direction, their weighted errors last one first, and the pulls.
    ldr(r1, [r0, 4 * _DIRECTION])
    ldr(r2, [r0, 4 * _HIGH])
    ldr(r3, [r0, 4 * _RESPONSE_SHIFT])
    bl(RESPOND)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _HIGH])
    ldr(r2, [r0, 4 * _WEIGHTS])
    ldr(r3, [r0, 4 * _LOW])
    ldr(r5, [r0, 4 * _WEIGHT_SHIFT])
    ldr(r6, [r0, 4 * _SPARE_SHIFT])
    add(r5, r5, r6)
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    add(r3, r3, r4)
    add(r4, r4, r1)
    mov(r12, r4)
    mov(r4, 1)
    lsl(r4, r5)
    lsr(r4, r4, 1)
    label(EACH_WEIGHTED)
    data(2, 0xC940)  # ldm r1!, {r6}
    data(2, 0xCA80)  # ldm r2!, {r7}
    mul(r6, r7)
    add(r6, r6, r4)
    asr(r6, r5)
    sub(r3, 4)
    str(r6, [r3, 0])
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_WEIGHTED)
    ldr(r1, [r0, 4 * _LOW])
    ldr(r2, [r0, 4 * _HIGH])
    ldr(r3, [r0, 4 * _RESPONSE_SHIFT])
    ldr(r4, [r0, 4 * _SPARE_SHIFT])
    sub(r3, r3, r4)
    bl(RESPOND)

    # Curvature: pulls, last one first, plus gain times 2 move - left - right.
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _DIRECTION])
    ldr(r2, [r0, 4 * _HIGH])
    ldr(r3, [r0, 4 * _CURVATURE])
    ldr(r4, [r0, 4 * _CHANGE_GAIN])
    mov(r9, r4)
    ldr(r4, [r0, 4 * _CHANGE_SHIFT])
    mov(r10, r4)
    mov(r5, 1)
    lsl(r5, r4)
    lsr(r5, r5, 1)
    mov(r8, r5)
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    add(r2, r2, r4)
    add(r4, r4, r1)
    mov(r12, r4)
    mov(r6, 0)
    data(2, 0xC920)  # ldm r1!, {r5}
    label(EACH_CURVED)
    mov(r4, r5)
    data(2, 0x4561)  # cmp r1, r12
    beq(LAST_CURVED)
    ldr(r4, [r1, 0])
    label(LAST_CURVED)
    lsl(r7, r5, 1)
    sub(r7, r7, r6)
    sub(r7, r7, r4)
    mov(r6, r9)
    mul(r7, r6)
    data(2, 0x4447)  # add r7, r8
    mov(r6, r10)
    asr(r7, r6)
    sub(r2, 4)
    ldr(r6, [r2, 0])
    add(r7, r7, r6)
    data(2, 0xC380)  # stm r3!, {r7}
    mov(r6, r5)
    mov(r5, r4)
    data(2, 0x4561)  # cmp r1, r12
    beq(CURVED)
    add(r1, 4)
    b(EACH_CURVED)
    label(CURVED)
    ldr(r1, [r0, 4 * _CURVATURE])
    mov(r2, r1)
    bl(PROJECT)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _CURVATURE])
    mov(r4, 12)
    bl(NORMALISE)
    data(2, 0x9500 | _AT_SCALE)  # str r5

    # Gain = slope / along; give up where it is out of reach.
    ldr(r1, [r0, 4 * _DIRECTION])
    ldr(r2, [r0, 4 * _CURVATURE])
    bl(DOT)
    data(2, 0x9700 | _AT_ALONG)  # str r7
    cmp(r7, 0)
    ble(NO_GAIN)
    ldr(r1, [r0, 4 * _RESIDUAL])
    ldr(r2, [r0, 4 * _DIRECTION])
    bl(DOT)
    mov(r4, r7)
    cmp(r4, 0)
    ble(NO_GAIN)
    data(2, 0x9D00 | _AT_ALONG)  # ldr r5
    bl(RATIO)
    cmp(r7, 1)
    blt(NO_GAIN)
    cmp(r7, 31)
    bgt(NO_GAIN)
    data(2, 0x9B00 | _AT_SCALE)  # ldr r3
    add(r3, r3, r7)
    sub(r3, 3)
    cmp(r3, 1)
    blt(NO_GAIN)
    cmp(r3, 31)
    ble(GAIN)
    label(NO_GAIN)
    b(DESCENDED)

    # residual -= gain * curvature, step += gain * direction.
    label(GAIN)
    mov(r8, r7)
    mov(r9, r3)
    mov(r4, 1)
    lsl(r4, r7)
    lsr(r4, r4, 1)
    mov(r11, r4)
    mov(r4, 1)
    lsl(r4, r3)
    lsr(r4, r4, 1)
    mov(r14, r4)
    mov(r4, 1)
    lsl(r4, r4, 13)
    mov(r10, r4)
    data(2, 0x9C00 | _AT_BLOCK)  # ldr r4
    ldr(r0, [r4, 4 * _RESIDUAL])
    ldr(r1, [r4, 4 * _CURVATURE])
    ldr(r2, [r4, 4 * _DIRECTION])
    ldr(r3, [r4, 4 * _STEP])
    data(2, 0x9D00 | _AT_BYTES)  # ldr r5
    add(r5, r5, r0)
    mov(r12, r5)
    label(EACH_STEP)
    data(2, 0xC910)  # ldm r1!, {r4}
    mul(r4, r6)
    data(2, 0x445C)  # add r4, r11
    mov(r7, r8)
    asr(r4, r7)
    ldr(r5, [r0, 0])
    sub(r5, r5, r4)
    mov(r7, r10)
    cmp(r5, r7)
    ble(RESIDUAL_LOW)
    mov(r5, r7)
    label(RESIDUAL_LOW)
    neg(r7, r7)
    cmp(r5, r7)
    bge(RESIDUAL_HIGH)
    mov(r5, r7)
    label(RESIDUAL_HIGH)
    data(2, 0xC020)  # stm r0!, {r5}
    data(2, 0xCA10)  # ldm r2!, {r4}
    mul(r4, r6)
    data(2, 0x4474)  # add r4, r14
    mov(r7, r9)
    asr(r4, r7)
    ldr(r5, [r3, 0])
    add(r5, r5, r4)
    data(2, 0xC320)  # stm r3!, {r5}
    data(2, 0x4560)  # cmp r0, r12
    bne(EACH_STEP)

    # Small enough: enough.
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _RESIDUAL])
    mov(r2, r1)
    bl(DOT)
    ldr(r1, [r0, 4 * _STOP])
    cmp(r7, r1)
    blt(DESCENDED)
    data(2, 0x9900 | _AT_LEFT)  # ldr r1
    sub(r1, r1, 1)
    data(2, 0x9100 | _AT_LEFT)  # str r1
    ble(DESCENDED)
    b(DIRECTION)

    # Move against the step, scaled back: at most four full rates, to within 1.25.
    label(DESCENDED)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _MOVES])
    ldr(r2, [r0, 4 * _STEP])
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    add(r4, r4, r1)
    mov(r12, r4)
    mov(r3, 1)
    mov(r0, 5)
    lsl(r0, r0, 18)
    data(2, 0x9D00 | _AT_EXPONENT)  # ldr r5
    sub(r5, 3)
    mov(r6, 22)
    cmp(r5, 0)
    bgt(STEP_LIMIT)
    lsl(r3, r6)
    neg(r6, r5)
    mov(r7, 1)
    lsl(r7, r6)
    lsr(r7, r7, 1)
    mov(r8, r7)
    b(EACH_MOVE)
    label(STEP_LIMIT)
    sub(r6, r6, r5)
    lsl(r3, r6)
    mov(r6, r5)
    label(EACH_MOVE)
    data(2, 0xCA10)  # ldm r2!, {r4}
    cmp(r5, 0)
    bgt(STEP_CLAMP)
    data(2, 0x4444)  # add r4, r8
    asr(r4, r6)
    label(STEP_CLAMP)
    cmp(r4, r3)
    ble(STEP_LOW)
    mov(r4, r3)
    label(STEP_LOW)
    neg(r7, r3)
    cmp(r4, r7)
    bge(STEP_HIGH)
    mov(r4, r7)
    label(STEP_HIGH)
    cmp(r5, 0)
    ble(MOVE)
    lsl(r4, r6)
    label(MOVE)
    ldr(r7, [r1, 0])
    sub(r4, r7, r4)
    cmp(r4, r0)
    ble(MOVE_LOW)
    mov(r4, r0)
    label(MOVE_LOW)
    neg(r7, r0)
    cmp(r4, r7)
    bge(MOVE_HIGH)
    mov(r4, r7)
    label(MOVE_HIGH)
    data(2, 0xC110)  # stm r1!, {r4}
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_MOVE)

    # Outputs of the moves, which go through the response in two parts.
    label(ERRORS)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _MOVES])
    ldr(r2, [r0, 4 * _HIGH])
    ldr(r3, [r0, 4 * _LOW])
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    add(r4, r4, r1)
    mov(r12, r4)
    mov(r5, 63)
    label(EACH_PART)
    data(2, 0xC910)  # ldm r1!, {r4}
    asr(r6, r4, 6)
    data(2, 0xC240)  # stm r2!, {r6}
    and_(r4, r5)
    data(2, 0xC310)  # stm r3!, {r4}
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_PART)
    ldr(r1, [r0, 4 * _HIGH])
    ldr(r2, [r0, 4 * _OUTPUTS])
    ldr(r3, [r0, 4 * _RESPONSE_SHIFT])
    sub(r3, 6)
    bl(RESPOND)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _LOW])
    ldr(r2, [r0, 4 * _CURVATURE])
    ldr(r3, [r0, 4 * _RESPONSE_SHIFT])
    bl(RESPOND)

    # Weighted errors, last one first, in two parts again.
    data(2, 0x9F00 | _AT_BLOCK)  # ldr r7
    ldr(r4, [r7, 4 * _DEMAND])
    mov(r8, r4)
    data(2, 0x9D00 | _AT_BYTES)  # ldr r5
    ldr(r4, [r7, 4 * _HIGH])
    add(r4, r4, r5)
    mov(r9, r4)
    ldr(r4, [r7, 4 * _LOW])
    add(r4, r4, r5)
    mov(r10, r4)
    ldr(r4, [r7, 4 * _WEIGHT_SHIFT])
    mov(r11, r4)
    ldr(r0, [r7, 4 * _OUTPUTS])
    ldr(r1, [r7, 4 * _CURVATURE])
    ldr(r2, [r7, 4 * _WEIGHTS])
    ldr(r3, [r7, 4 * _OFFSETS])
    add(r5, r5, r0)
    mov(r12, r5)
    label(EACH_ERROR)
    ldr(r4, [r0, 0])
    data(2, 0xC920)  # ldm r1!, {r5}
    add(r4, r4, r5)
    data(2, 0xC010)  # stm r0!, {r4}
    mov(r6, r8)
    data(2, 0xCE20)  # ldm r6!, {r5}
    mov(r8, r6)
    lsl(r5, r5, 6)
    sub(r4, r4, r5)
    data(2, 0xCA20)  # ldm r2!, {r5}
    mul(r4, r5)
    mov(r5, r11)
    asr(r4, r5)
    data(2, 0xCB20)  # ldm r3!, {r5}
    sub(r4, r4, r5)
    mov(r6, r9)
    sub(r6, 4)
    asr(r5, r4, 13)
    str(r5, [r6, 0])
    mov(r9, r6)
    mov(r6, r10)
    sub(r6, 4)
    lsl(r4, r4, 19)
    lsr(r4, r4, 19)
    str(r4, [r6, 0])
    mov(r10, r6)
    data(2, 0x4560)  # cmp r0, r12
    bne(EACH_ERROR)
    ldr(r1, [r7, 4 * _HIGH])
    ldr(r2, [r7, 4 * _CURVATURE])
    ldr(r3, [r7, 4 * _RESPONSE_SHIFT])
    sub(r3, 13)
    bl(RESPOND)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _LOW])
    ldr(r2, [r0, 4 * _DIRECTION])
    ldr(r3, [r0, 4 * _RESPONSE_SHIFT])
    bl(RESPOND)

    # Gradient: pulls, last one first, plus gain times the bends, in two parts as well.
    data(2, 0x9F00 | _AT_BLOCK)  # ldr r7
    ldr(r4, [r7, 4 * _CHANGE_GAIN])
    mov(r9, r4)
    ldr(r4, [r7, 4 * _CHANGE_SHIFT])
    mov(r10, r4)
    sub(r4, 6)
    mov(r8, r4)
    mov(r4, 1)
    lsl(r4, r4, 25)
    mov(r11, r4)
    data(2, 0x9C00 | _AT_BYTES)  # ldr r4
    ldr(r0, [r7, 4 * _GRADIENT])
    ldr(r1, [r7, 4 * _MOVES])
    ldr(r2, [r7, 4 * _CURVATURE])
    add(r2, r2, r4)
    ldr(r3, [r7, 4 * _DIRECTION])
    add(r3, r3, r4)
    add(r4, r4, r1)
    mov(r12, r4)
    ldr(r6, [r7, 4 * _MOVE_BEFORE])
    data(2, 0xC920)  # ldm r1!, {r5}
    label(EACH_GRADIENT)
    mov(r4, r5)
    data(2, 0x4561)  # cmp r1, r12
    beq(LAST_GRADIENT)
    ldr(r4, [r1, 0])
    label(LAST_GRADIENT)
    mov(r14, r4)
    lsl(r7, r5, 1)
    sub(r7, r7, r6)
    sub(r7, r7, r4)
    asr(r4, r7, 6)
    mov(r6, r9)
    mul(r4, r6)
    lsl(r7, r7, 26)
    lsr(r7, r7, 26)
    mul(r7, r6)
    mov(r6, r8)
    asr(r4, r6)
    mov(r6, r10)
    asr(r7, r6)
    add(r4, r4, r7)
    sub(r2, 4)
    ldr(r7, [r2, 0])
    add(r4, r4, r7)
    sub(r3, 4)
    ldr(r7, [r3, 0])
    add(r4, r4, r7)
    mov(r7, r11)
    cmp(r4, r7)
    ble(GRADIENT_LOW)
    mov(r4, r7)
    label(GRADIENT_LOW)
    neg(r7, r7)
    cmp(r4, r7)
    bge(GRADIENT_HIGH)
    mov(r4, r7)
    label(GRADIENT_HIGH)
    data(2, 0xC010)  # stm r0!, {r4}
    mov(r6, r5)
    mov(r5, r14)
    data(2, 0x4561)  # cmp r1, r12
    beq(GRADIENT)
    add(r1, 4)
    b(EACH_GRADIENT)
    label(GRADIENT)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r1, [r0, 4 * _GRADIENT])
    ldr(r2, [r0, 4 * _RESIDUAL])
    bl(PROJECT)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    str(r6, [r0, 4 * _MASK])
    b(DONE)

    # RESPOND: the product of the response, a triangle.
    label(RESPOND)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r0, [r0, 4 * _RESPONSE])
    mov(r4, 16)
    mov(r5, 16)

    # PRODUCT: (table r0 @ r1 + half) >> r3 into r2, four rows at a time; the first block
    # is r4 bytes wide, and each r5 wider than the one before.
    label(PRODUCT)
    data(2, 0x9100 | _AT_VECTOR)  # str r1
    data(2, 0x9200 | _AT_OUT)  # str r2
    data(2, 0x9300 | _AT_SHIFT)  # str r3
    data(2, 0x9500 | _AT_GROWTH)  # str r5
    add(r1, r1, r4)
    data(2, 0x9F00 | _AT_BYTES)  # ldr r7
    add(r7, r7, r2)
    data(2, 0x9700 | _AT_OUT_END)  # str r7
    mov(r4, 1)
    lsl(r4, r3)
    lsr(r4, r4, 1)
    data(2, 0x9400 | _AT_HALF)  # str r4
    label(FOUR_ROWS)
    mov(r12, r1)
    data(2, 0x9C00 | _AT_HALF)  # ldr r4
    mov(r8, r4)
    mov(r9, r4)
    mov(r10, r4)
    mov(r11, r4)
    data(2, 0x9900 | _AT_VECTOR)  # ldr r1
    label(FOUR_COLUMNS)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0xC90C, 0xC8F0, 0x4354, 0x44A0, 0x4355, 0x44A9, 0x4356, 0x44B2, 0x4357, 0x44BB)
    data(2, 0xC8F0, 0x435C, 0x44A0, 0x435D, 0x44A9, 0x435E, 0x44B2, 0x435F, 0x44BB)
    data(2, 0x4561)  # cmp r1, r12
    bne(FOUR_COLUMNS)
    data(2, 0x9B00 | _AT_SHIFT)  # ldr r3
    mov(r4, r8)
    asr(r4, r3)
    mov(r5, r9)
    asr(r5, r3)
    mov(r6, r10)
    asr(r6, r3)
    mov(r7, r11)
    asr(r7, r3)
    data(2, 0x9A00 | _AT_OUT)  # ldr r2
    data(2, 0xC2F0)  # stm r2!, {r4-r7}
    data(2, 0x9200 | _AT_OUT)  # str r2
    data(2, 0x9B00 | _AT_OUT_END)  # ldr r3
    cmp(r2, r3)
    beq(PRODUCED)
    data(2, 0x9C00 | _AT_GROWTH)  # ldr r4
    add(r1, r1, r4)
    b(FOUR_ROWS)
    label(PRODUCED)
    mov(pc, r14)

    # PROJECT: the means of r1's segments into r2; r6 the or of their magnitudes.
    label(PROJECT)
    data(2, 0x9800 | _AT_BLOCK)  # ldr r0
    ldr(r0, [r0, 4 * _SEGMENTS])
    data(2, 0x9B00 | _AT_BYTES)  # ldr r3
    add(r3, r3, r1)
    mov(r12, r3)
    mov(r6, 0)
    label(EACH_SEGMENT)
    data(2, 0xC830)  # ldm r0!, {r4, r5}
    lsr(r7, r5, 10)
    bne(SINGLE)
    mov(r8, r4)
    mov(r7, 0)
    label(EACH_SUMMED)
    data(2, 0xC908)  # ldm r1!, {r3}
    add(r7, r7, r3)
    sub(r4, r4, 1)
    bne(EACH_SUMMED)
    asr(r3, r7, 10)
    mul(r3, r5)
    lsl(r7, r7, 22)
    lsr(r7, r7, 22)
    mul(r7, r5)
    lsr(r7, r7, 10)
    add(r7, r7, r3)
    asr(r3, r7, 31)
    eor(r3, r7)
    orr(r6, r3)
    mov(r4, r8)
    label(EACH_FILLED)
    data(2, 0xC280)  # stm r2!, {r7}
    sub(r4, r4, 1)
    bne(EACH_FILLED)
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_SEGMENT)
    mov(pc, r14)
    # A single free move is its own mean.
    label(SINGLE)
    data(2, 0xC980)  # ldm r1!, {r7}
    data(2, 0xC280)  # stm r2!, {r7}
    asr(r3, r7, 31)
    eor(r3, r7)
    orr(r6, r3)
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_SEGMENT)
    mov(pc, r14)

    # NORMALISE: r1's values, whose mask is r6, to r4 bits, halves up; r5 the exponent.
    label(NORMALISE)
    data(2, 0x9F00 | _AT_BYTES)  # ldr r7
    add(r7, r7, r1)
    mov(r12, r7)
    mov(r5, 0)
    cmp(r6, 0)
    beq(NORMAL)
    mov(r7, 1)
    lsl(r7, r4)
    label(TOO_LARGE)
    cmp(r6, r7)
    blt(NOT_LARGE)
    lsr(r6, r6, 1)
    add(r5, 1)
    b(TOO_LARGE)
    label(NOT_LARGE)
    lsr(r7, r7, 1)
    label(TOO_SMALL)
    cmp(r6, r7)
    bge(SCALED)
    lsl(r6, r6, 1)
    sub(r5, 1)
    b(TOO_SMALL)
    label(SCALED)
    cmp(r5, 0)
    beq(NORMAL)
    blt(SCALE_UP)
    mov(r4, 1)
    lsl(r4, r5)
    lsr(r4, r4, 1)
    label(EACH_DOWN)
    ldr(r7, [r1, 0])
    add(r7, r7, r4)
    asr(r7, r5)
    data(2, 0xC180)  # stm r1!, {r7}
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_DOWN)
    mov(pc, r14)
    label(SCALE_UP)
    neg(r4, r5)
    label(EACH_UP)
    ldr(r7, [r1, 0])
    lsl(r7, r4)
    data(2, 0xC180)  # stm r1!, {r7}
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_UP)
    label(NORMAL)
    mov(pc, r14)

    # DOT: half the dot product of r1 and r2 into r7.
    label(DOT)
    data(2, 0x9F00 | _AT_BYTES)  # ldr r7
    add(r7, r7, r1)
    mov(r12, r7)
    mov(r7, 0)
    label(EACH_ALONG)
    data(2, 0xC908)  # ldm r1!, {r3}
    data(2, 0xCA10)  # ldm r2!, {r4}
    mul(r3, r4)
    asr(r3, r3, 1)
    add(r7, r7, r3)
    data(2, 0x4561)  # cmp r1, r12
    bne(EACH_ALONG)
    mov(pc, r14)

    # RATIO: r4 / r5 as r6 / 2**r7; both are brought to 30 bits, then divided.
    label(RATIO)
    mov(r7, 10)
    mov(r3, 1)
    lsl(r3, r3, 29)
    lsl(r2, r3, 1)
    label(NUMERATOR_DOWN)
    cmp(r4, r2)
    blt(NUMERATOR_UP)
    lsr(r4, r4, 1)
    sub(r7, 1)
    b(NUMERATOR_DOWN)
    label(NUMERATOR_UP)
    cmp(r4, r3)
    bge(DIVISOR_DOWN)
    lsl(r4, r4, 1)
    add(r7, 1)
    b(NUMERATOR_UP)
    label(DIVISOR_DOWN)
    cmp(r5, r2)
    blt(DIVISOR_UP)
    lsr(r5, r5, 1)
    add(r7, 1)
    b(DIVISOR_DOWN)
    label(DIVISOR_UP)
    cmp(r5, r3)
    bge(DIVIDE)
    lsl(r5, r5, 1)
    sub(r7, 1)
    b(DIVISOR_UP)
    label(DIVIDE)
    mov(r6, 0)
    mov(r1, 11)
    label(EACH_DIGIT)
    lsl(r6, r6, 1)
    cmp(r4, r5)
    blt(NO_DIGIT)
    sub(r4, r4, r5)
    add(r6, 1)
    label(NO_DIGIT)
    lsl(r4, r4, 1)
    sub(r1, r1, 1)
    bne(EACH_DIGIT)
    mov(pc, r14)

    # Return the mask; give the high registers back.
    label(DONE)
    mov(r0, r6)
    data(2, 0xB000 | _FRAME_WORDS)  # add sp
    pop({r4, r5, r6, r7})
    mov(r8, r4)
    mov(r9, r5)
    mov(r10, r6)
    mov(r11, r7)
