# SPDX-License-Identifier: MIT
"""One module that asks "which Python is this?".

MicroPython's compiler knows `const`, `@micropython.viper` and `@micropython.native` by name;
CPython runs the very same text as plain Python, which is what makes the twin a twin.
"""

try:
    import micropython
    from micropython import const

    ON_DEVICE = True

    # The compiler resolves viper's pointer casts itself; these names only satisfy imports.
    ptr8 = ptr32 = None
except ImportError:
    ON_DEVICE = False

    def const(value: int) -> int:
        """Return `value`: CPython needs no folding."""
        return value

    class micropython:  # noqa: N801 - stands in for the module of that name
        """What the firmware uses of MicroPython's own module."""

        @staticmethod
        def viper(function):
            """Return `function` as it is: its text is plain Python as well."""
            return function

        @staticmethod
        def native(function):
            """Return `function` as it is: machine code does the same, only sooner."""
            return function

        @staticmethod
        def heap_lock() -> None:
            """Do nothing: CPython's heap cannot be locked."""

        @staticmethod
        def heap_unlock() -> int:
            """Return the lock depth that is left: none."""
            return 0

        @staticmethod
        def kbd_intr(_character: int) -> None:
            """Do nothing: the twin reads no keyboard."""

    def ptr8(buffer) -> memoryview:
        """Return the bytes of `buffer`."""
        return memoryview(buffer).cast("B")

    def ptr32(buffer) -> memoryview:
        """Return the int32 words of `buffer`, in this machine's order as on the board."""
        return memoryview(buffer).cast("B").cast("i")
