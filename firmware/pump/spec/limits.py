# SPDX-License-Identifier: MIT
"""Hard limits of the firmware itself; a program can only narrow them."""

from pump.compat import const

HORIZON_MIN = const(5)
HORIZON_MAX = const(40)
TABLE_ROWS_MIN = const(8)  # of a program's tables: a horizon, padded for the kernels
TABLE_ROWS_MULTIPLE = const(4)  # they work on blocks of four rows
STATES_MAX = const(5)  # of a model: three compartments, an effect site, the disturbance
MODELS_MAX = const(5)  # of a program's bank
PROGRAM_WORDS_MAX = const(8192)
ITERATIONS_MAX = const(2000)
STEP_RATE_HZ_MAX = const(100_000)  # the driver's data sheet allows 250 kHz
CLOCK_FACTOR_MAX = const(3000)  # bench only: therapy seconds per device second
TICK_S_MIN = const(10)
TICK_S_MAX = const(900)
DAY_S = const(86_400)  # a tick divides an hour, so whole ticks make a day
WINDOW_MARGIN_MS = const(40)  # motor quiet before the next tick is due
TICK_EARLY_MS = const(20)  # a tick runs no earlier: its batch must surely have ended
EARLY_DIVISOR = const(4)  # a reading calls for its tick from a quarter of a tick before it
LATE_DIVISOR = const(10)  # without one the tick runs a tenth of a tick late
FEED_INTERVAL_MS = const(1000)  # hardware watchdog is fed this often, on credit
CHECK_INTERVAL_MS = const(250)  # a running pump looks at door, air, occlusion, driver this often
RELIEF_STEP_MS = const(1)  # of a blocked line: one microstep back in each
RELIEF_LOOK_MS = const(50)  # the pressure is looked at this often meanwhile
LONG_ORDER_MS = const(60)  # that an order beside a therapy may take: none comes closer to a tick
READS_MAX = const(16)  # of 64 bytes in one pass of the loop: a flood must not keep a tick waiting
WATCHDOG_MS = const(8000)  # the RP2040's watchdog reaches 8388 ms
HISTORY_MS_MAX = const(90_000_000)  # a day and an hour: older deliveries weigh nothing
TICK_MS_MIN = const(200)  # of device time: a tick's own work and the margin must fit
HOST_SILENT_TICKS = const(2)  # without any reading, in a row, that are no alarm yet
DECISION_US_MAX = const(40_000)  # frame in to frame out; above, the alarm: the pause before a tick
HEAP_FREE_MIN = const(16_384)  # bytes; below, the memory alarm
SILENCE_S_MAX = const(120)  # of an alarm's sound (Generic Infusion Pump requirements, 3.2.1)
