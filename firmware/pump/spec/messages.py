# SPDX-License-Identifier: MIT
"""The wire: what a frame carries, byte by byte.

A frame is COBS(type u8 | version u8 | sequence u16 | body | CRC-32 u32) and one
zero byte, all little-endian.  COBS: Cheshire & Baker, "Consistent Overhead Byte
Stuffing", IEEE/ACM ToN 7(2), 1999.  CRC-32 as in IEEE 802.3.
"""

from pump.compat import const

PROTOCOL_VERSION = const(
    4
)  # 3 was left out: as Ctrl-C in each frame it could stop a board that boots
FIRMWARE_VERSION = "0.1.0"
HEADER_BYTES = const(4)
CRC_BYTES = const(4)
FRAME_BYTES_MAX = const(512)  # decoded: header, body and checksum
CHUNK_BYTES_MAX = const(192)  # of a program, in one frame

# Host to pump.  Each is a command: acknowledged once, repeated by the host until it is.
# All but KEYLESS end in epoch u16 and tag (pump.core.authentic), not listed here.
HELLO = const(0x01)  # challenge, CHALLENGE_BYTES: the same again keeps the session
PROGRAM_BEGIN = const(0x02)  # word_count u32
PROGRAM_CHUNK = const(0x03)  # byte offset u32, then up to CHUNK_BYTES_MAX bytes
PROGRAM_END = const(0x04)  # crc32 u32 of the whole program, then its seal, SEAL_BYTES
START = const(0x05)  # clock_factor, day_s of the first tick, perhaps confirmed soft limits: u32
STOP = const(0x06)  # empty body
MAINTENANCE = const(0x07)  # empty body: leave the firmware for the REPL, never while running
ACKNOWLEDGE = const(0x08)  # number u32 of the alarm (spec.alarms) that a person has seen
SILENCE = const(0x09)  # seconds u32, at most limits.SILENCE_S_MAX
LOG_READ = const(0x0A)  # page u32: the log's, then the black boxes'; never while running
CONFIRM = const(0x0B)  # soft limit u32 (spec.reasons.LIMIT_SOFT_*), of the running therapy
TAKE_OVER = const(0x0C)  # CRC-32 u32 of the program, sent before, that is to decide from now on
BOX_CLEAR = const(0x0D)  # black box u32, first BOX_PROOF_BYTES of its first page's link
# Host to pump, acknowledged only when refused: the telemetry of its tick is the answer.
READING = const(0x10)  # sample_index u32, time_s u32, conc u32 (spec.record), quality u32

KEYLESS = (HELLO, STOP, LOG_READ)  # whoever is there may say these; all others are signed

# Pump to host.
ACK = const(0x81)  # sequence of the command u16, result u8, state u8
IDENTITY = const(0x82)  # board id 8 bytes, program_words_max u32, challenge, nonce, version
TELEMETRY = const(0x83)  # one tick record (spec.record), int32 words
HISTORY = const(0x84)  # at START: HISTORY_WORDS of u32, the limiter's windows begin with them
ALARM = const(0x85)  # flags u8 (spec.reasons.FLAG_*): the motor was stopped between two ticks
ALARMS = const(0x86)  # whenever it changes: present u32, unacknowledged u32, self-test u16
LOG_PAGE = const(0x87)  # page u32, pages of the ring u32, 256 bytes (spec.journal)
HELD = const(0x89)  # after HELLO, with a program: its CRC-32 u32, then 1 where it was restored
TAKEN_OVER = const(0x88)  # CRC-32 u32 of the program that decides from the next tick on

ALARMS_BYTES = const(10)
LOG_PAGE_BYTES = const(264)
HELD_BYTES = const(5)
BOX_PROOF_BYTES = const(8)
READING_WORDS = const(4)
HISTORY_WORDS = const(96)  # microsteps of the last day by HISTORY_S, the newest first
HISTORY_S = const(900)

# Who may speak.  A pump and its host hold two keys; a session's keys are
# HMAC(device key, label | nonce | challenge), the reading key cut to READING_KEY_BYTES.
# counter            epoch << 16 | sequence: rises with each signed message of a session
# tag of a command   HMAC-SHA256(command key, header | body | epoch), cut to TAG_BYTES
# tag of a reading   SHA-256(reading key | header | body | epoch), cut to READING_TAG_BYTES
# seal of a program  HMAC-SHA256(seal key, all its bytes)
KEY_BYTES = const(32)
CHALLENGE_BYTES = const(8)
NONCE_BYTES = const(16)
EPOCH_BYTES = const(2)
EPOCHS = const(1 << 13)  # of a session: its counter stays a small int
TAG_BYTES = const(16)
READING_TAG_BYTES = const(8)
READING_KEY_BYTES = const(24)  # with the 22 bytes of a reading: one block of SHA-256
SEAL_BYTES = const(32)
COMMAND_LABEL = b"mesor command 1\0"
READING_LABEL = b"mesor reading 1\0"
KEY_FILE = "pump.key"  # on the board: device key, then seal key
