# SPDX-License-Identifier: MIT
"""The MicroPython image: what is refused, what is kept, and where it is sought.

No test here downloads or compiles; files are made small, and the real image comes cached.
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mesor.errors import ImageError
from mesor.image import Image, check_image, debian, ensure_image, official, uf2
from mesor.image.apt import Apt, rewrite_sources, run

BANNER = b"MicroPython v1.25.0 on 2025-04-15; Raspberry Pi Pico with RP2040\0"
UF2_NAME = "micropython-1.25.0-rpi_pico.uf2"


def small_image(content: bytes = BANNER, pages: int = 3) -> bytes:
    """Return a UF2 file whose few pages carry `content` in place of a program."""
    return uf2.encode(bytes(256) + content.ljust(256 * (pages - 1), b"\xff"))


def with_word(image: bytes, block: int, word: int, value: int) -> bytes:
    """Return `image` with one 32-bit word of a block's header replaced."""
    offset = block * 512 + word * 4
    return image[:offset] + struct.pack("<I", value) + image[offset + 4 :]


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the internet unreachable."""

    def refuse(url: str = "") -> bytes:
        raise ImageError("no such host")

    monkeypatch.setattr(official, "download", refuse)


@pytest.fixture
def build_gives(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], None]:
    """Return a function that says what the build from sources is to give."""

    def arrange(image: bytes, recipe: str) -> None:
        monkeypatch.setattr(debian, "build", lambda progress: debian.Build(image, recipe))

    return arrange


# The file format, against the words of the UF2 specification


def test_a_binary_becomes_the_blocks_that_the_uf2_specification_describes() -> None:
    """The boot ROM silently ignores blocks it does not like: each word must be right."""
    image = uf2.encode(bytes(range(256)) + b"tail")
    assert len(image) == 2 * 512
    second = image[512:]
    header = (0x0A324655, 0x9E5D5157, 0x2000, 0x10000100, 256, 1, 2, 0xE48BFF56)
    assert struct.unpack("<8I", second[:32]) == header
    assert second[32:288] == b"tail" + bytes(252)
    assert second[288:508] == bytes(220)
    assert second[508:] == bytes.fromhex("306fb10a")


def test_a_decoded_file_is_the_binary_filled_up_to_a_page() -> None:
    """Whatever was wrapped must come out again, or the check looks at other bytes than run."""
    binary = bytes(range(251)) * 5
    assert uf2.decode(uf2.encode(binary)) == binary + bytes(-len(binary) % 256)


@pytest.mark.parametrize("length", [0, 1, 511, 512 + 100])
def test_a_file_that_is_no_whole_number_of_blocks_is_refused(length: int) -> None:
    """An interrupted copy must never reach a board."""
    with pytest.raises(ImageError, match=f"{length} bytes long"):
        uf2.decode(small_image()[:length])


def test_a_file_cut_at_a_block_boundary_is_refused() -> None:
    """Each block of such a file is sound; only the count tells."""
    with pytest.raises(ImageError, match="0 of 2 in the UF2 image says that it is 0 of 3"):
        uf2.decode(small_image(pages=3)[:1024])


@pytest.mark.parametrize("word", [0, 1, 127])
def test_a_block_without_the_magic_numbers_is_refused(word: int) -> None:
    """The boot ROM would skip this block and leave a hole in the program."""
    with pytest.raises(ImageError, match=r"block 1 .* magic"):
        uf2.decode(with_word(small_image(), block=1, word=word, value=0x0BADF00D))


def test_an_image_for_another_chip_is_refused_with_both_families() -> None:
    """0xe48bff59 is the RP2350: the image of a Pico 2 is the likeliest wrong file."""
    with pytest.raises(ImageError, match=r"0xe48bff59.*0xe48bff56"):
        uf2.decode(with_word(small_image(), block=0, word=7, value=0xE48BFF59))


@pytest.mark.parametrize("address", [0x10000000, 0x10000200, 0x20000000])
def test_a_block_for_another_address_than_its_turn_is_refused(address: int) -> None:
    """A page that is missing or doubled would run as whatever the flash held before."""
    with pytest.raises(ImageError, match=f"{address:#010x}"):
        uf2.decode(with_word(small_image(), block=1, word=3, value=address))


def test_an_image_that_reaches_into_the_file_system_is_refused() -> None:
    """The first write to a file would erase the end of the interpreter."""
    pages = 0xA0000 // 256
    assert len(uf2.decode(uf2.encode(bytes(pages * 256)))) == 0xA0000
    with pytest.raises(ImageError, match="0x100a0000"):
        uf2.decode(uf2.encode(bytes((pages + 1) * 256)))


@pytest.mark.parametrize(
    "banner",
    [
        BANNER.replace(b"1.25.0", b"1.24.1"),
        BANNER.replace(b"Pico with", b"Pico W with"),
        b"some other program",
    ],
)
def test_another_release_board_or_program_is_refused(banner: bytes) -> None:
    """Firmware modules are compiled for one release; another may misread them."""
    with pytest.raises(ImageError, match="RPI_PICO"):
        check_image(small_image(banner))


# The cache


def test_an_image_put_into_the_cache_is_checked_and_recorded(tmp_path: Path) -> None:
    """The way for a machine without internet and without Debian."""
    content = small_image()
    (tmp_path / UF2_NAME).write_bytes(content)
    image = ensure_image(tmp_path)
    assert image == Image(
        path=tmp_path / UF2_NAME,
        version="1.25.0",
        sha256=hashlib.sha256(content).hexdigest(),
        origin="put into the cache by hand",
    )
    assert ensure_image(tmp_path) == image


def test_a_wrong_file_in_the_cache_is_refused_and_not_recorded(tmp_path: Path) -> None:
    """A record would make the second use look checked."""
    (tmp_path / UF2_NAME).write_bytes(b"<html>sign in</html>")
    with pytest.raises(ImageError, match="20 bytes"):
        ensure_image(tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_a_cached_image_that_changed_is_refused_with_both_checksums(tmp_path: Path) -> None:
    """One flipped bit in the interpreter can be a wrong dose with a clean log."""
    path = tmp_path / UF2_NAME
    path.write_bytes(small_image())
    recorded = ensure_image(tmp_path).sha256
    changed = bytearray(path.read_bytes())
    changed[512 + 300 - 64] ^= 1
    path.write_bytes(changed)
    with pytest.raises(ImageError, match=f"{hashlib.sha256(changed).hexdigest()}.*{recorded}"):
        ensure_image(tmp_path)


@pytest.mark.parametrize("record", [b"", b"[]", b'{"sha256": "0"}', b"\xff"])
def test_an_unreadable_record_is_refused_by_name(tmp_path: Path, record: bytes) -> None:
    """Taking the file as new would pin whatever it became."""
    (tmp_path / UF2_NAME).write_bytes(small_image())
    (tmp_path / UF2_NAME).with_suffix(".json").write_bytes(record)
    with pytest.raises(ImageError, match=r"rpi_pico\.json"):
        ensure_image(tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be stands for any folder that cannot be used."""
    (tmp_path / "taken").touch()
    with pytest.raises(ImageError, match=r"taken.*XDG_CACHE_HOME"):
        ensure_image(tmp_path / "taken")


# Download, or else build


def test_a_download_is_kept_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that names the image must lead to where it came from."""
    content = small_image()
    monkeypatch.setattr(official, "download", lambda: content)
    image = ensure_image(tmp_path)
    assert image.path.read_bytes() == content
    assert image.origin.endswith("/RPI_PICO-20250415-v1.25.0.uf2")


def test_without_the_internet_the_image_is_built_and_progress_says_so(
    tmp_path: Path, no_download: None, build_gives: Callable[[bytes, str], None]
) -> None:
    """Most test benches have a package mirror and nothing else."""
    build_gives(small_image(), "micropython 1.25.0+ds-1")
    lines: list[str] = []
    image = ensure_image(tmp_path, lines.append)
    assert image.origin == "built from micropython 1.25.0+ds-1"
    assert lines == [
        "downloading MicroPython 1.25.0",
        "no such host; building the image instead",
    ]


def test_a_sign_in_page_in_place_of_the_image_leads_to_the_build(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    build_gives: Callable[[bytes, str], None],
) -> None:
    """Hospital networks answer every address with a page of their own."""
    monkeypatch.setattr(official, "download", lambda: b"<html>" * 100)
    build_gives(small_image(), "a recipe")
    assert ensure_image(tmp_path).origin == "built from a recipe"


def test_a_failed_build_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, no_download: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an image must not be found by the next run."""

    def fail(progress: Callable[[str], None]) -> debian.Build:
        raise ImageError("the mirror is asleep")

    monkeypatch.setattr(debian, "build", fail)
    with pytest.raises(ImageError, match="no such host; the mirror is asleep; or put RPI_PICO-"):
        ensure_image(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{UF2_NAME}.lock"]


def test_a_build_of_another_program_is_refused_and_not_kept(
    tmp_path: Path, no_download: None, build_gives: Callable[[bytes, str], None]
) -> None:
    """The build is checked like anything that comes from outside."""
    build_gives(small_image(b"no banner"), "a recipe")
    with pytest.raises(ImageError, match="does not contain"):
        ensure_image(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{UF2_NAME}.lock"]


def test_a_known_recipe_that_gives_other_bytes_is_marked_in_the_origin(
    tmp_path: Path,
    no_download: None,
    monkeypatch: pytest.MonkeyPatch,
    build_gives: Callable[[bytes, str], None],
) -> None:
    """Reproducible builds are only worth something if a difference is noticed."""
    monkeypatch.setattr("mesor.image._REFERENCE_BUILDS", {"a recipe": "0" * 64})
    build_gives(small_image(), "a recipe")
    assert ensure_image(tmp_path).origin.endswith("(bytes differ from the reference build)")


def test_two_runs_at_once_build_one_image(
    tmp_path: Path, no_download: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parallel test processes start together on a fresh machine."""
    builds: list[int] = []
    both_started = threading.Barrier(2, timeout=10)

    def build(progress: Callable[[str], None]) -> debian.Build:
        builds.append(1)
        return debian.Build(small_image(), "a recipe")

    def ensure() -> None:
        both_started.wait()
        images.append(ensure_image(tmp_path))

    images: list[Image] = []
    monkeypatch.setattr(debian, "build", build)
    threads = [threading.Thread(target=ensure) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert images[0] == images[1]


def test_an_address_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    """The reason must survive the thread in which the download runs."""
    url = (tmp_path / "absent.uf2").as_uri()
    with pytest.raises(ImageError, match=r"absent\.uf2 cannot be downloaded"):
        official.download(url)


def test_a_server_that_never_answers_costs_only_the_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that drops queries would else hold the first run for half a minute."""
    released = threading.Event()

    def keep_silent(url: str, timeout: float) -> None:
        released.wait(30)
        raise OSError("released")

    monkeypatch.setattr(official, "_ANSWER_TIMEOUT_S", 0.01)
    monkeypatch.setattr("urllib.request.urlopen", keep_silent)
    try:
        with pytest.raises(ImageError, match="did not answer within 0 s"):
            official.download("https://images.example/pico.uf2")
    finally:
        released.set()


def test_a_reachable_address_gives_its_bytes(tmp_path: Path) -> None:
    """The plain case, through the same thread and queue."""
    (tmp_path / "image.uf2").write_bytes(small_image())
    assert official.download((tmp_path / "image.uf2").as_uri()) == small_image()


# apt's sources

DEB822 = """\
# A comment above the first stanza.
Types: deb
# A comment inside it.
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""

TRIXIE = """\
Types: deb deb-src
Uris: http://mirror.example/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_a_deb822_file_becomes_one_stanza_of_the_other_suite() -> None:
    """Only the suite itself: its updates and security carry other names of other packages."""
    assert rewrite_sources([("debian.sources", DEB822)], "trixie") == TRIXIE


def test_a_one_line_file_gives_the_same_as_its_deb822_form() -> None:
    """Both formats describe one thing (sources.list(5)), so both must lead to one result."""
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    text = f"""\
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by={keyring}] http://mirror.example/debian bookworm main contrib # here
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-updates main
deb [signed-by={keyring}] http://docker.example/linux/debian bookworm stable
"""
    assert rewrite_sources([("sources.list", text)], "trixie") == TRIXIE


def test_an_embedded_key_stays_whole() -> None:
    """A folded field continues on lines that start with a space."""
    key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY865\n"
    stanza = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"
    rewritten = rewrite_sources([("debian.sources", stanza + key)], "trixie")
    assert rewritten.endswith(key)


def test_one_mirror_named_in_two_files_is_asked_once() -> None:
    """A target that is configured twice makes apt warn at every update."""
    files = [("a.sources", DEB822), ("b.sources", DEB822)]
    assert rewrite_sources(files, "trixie") == TRIXIE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deb http://mirror.example/ubuntu noble main",
        "deb http://mirror.example/debian-security bookworm-security main",
    ],
)
def test_a_machine_without_a_debian_suite_is_told_so(text: str) -> None:
    """Guessing an address would fetch from somewhere that nobody chose."""
    with pytest.raises(ImageError, match="no source for a Debian suite"):
        rewrite_sources([("sources.list", text)], "trixie")


# The build's own refusals


def test_a_user_who_is_not_root_learns_which_packages_to_install(tmp_path: Path) -> None:
    """The sentence must be usable as it stands: the command, complete."""
    apt = Apt(tmp_path, None, {})
    with pytest.raises(ImageError, match=r"apt-get install gcc-arm-none-eabi cmake$"):
        debian.provide_tools(["gcc-arm-none-eabi", "cmake"], False, apt, lambda line: None)


def test_with_all_tools_present_nothing_is_installed_and_root_is_not_needed(
    tmp_path: Path,
) -> None:
    """An Apt without a PATH could not even start."""
    debian.provide_tools([], False, Apt(tmp_path, None, {}), pytest.fail)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("1.25.0+ds-1", "1.25.0"),
        ("3.6.6-0.1~deb13u1", "3.6.6"),
        ("2.1.1-1", "2.1.1"),
        ("15:12.2.rel1-1", "12.2.rel1"),
        ("1.26~rc1+dfsg-2", "1.26"),
    ],
)
def test_the_upstream_release_is_read_from_a_debian_version(version: str, release: str) -> None:
    """Epoch, repacking and revision as Debian policy 5.6.12 orders them."""
    assert debian.upstream_release(version) == release


def test_the_pinned_release_is_picked_in_whatever_revision() -> None:
    """Debian mends packages of a stable suite without changing the release."""
    offered = ["1.26.1+ds-2", "1.25.0+ds-1+deb13u1"]
    assert debian.pick_version("micropython", "1.25.0", offered) == "1.25.0+ds-1+deb13u1"
    assert debian.pick_version("mbedtls", "3.6", ["3.6.6-0.1~deb13u1"]) == "3.6.6-0.1~deb13u1"


@pytest.mark.parametrize("offered", [[], ["1.26.1+ds-2"], ["1.25.01-1"]])
def test_another_release_than_the_pinned_one_is_refused_by_name(offered: list[str]) -> None:
    """A newer interpreter may order its garbage collection or its USB differently."""
    with pytest.raises(ImageError, match=r"micropython .* pinned to 1\.25\.0"):
        debian.pick_version("micropython", "1.25.0", offered)


def test_a_command_that_fails_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """A compiler's log is long; what went wrong stands at its end."""
    script = "for word in one two three four; do echo $word; done; exit 3"
    with pytest.raises(ImageError, match=r"status 3: two \| three \| four$"):
        run(["sh", "-c", script], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"})


# The real image


def test_the_image_that_tests_run_is_the_recorded_one(micropython_image: Path) -> None:
    """All that the bench measures rests on these bytes."""
    content = micropython_image.read_bytes()
    check_image(content)
    record = json.loads(micropython_image.with_suffix(".json").read_text())
    assert record["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_image_starts_with_a_second_stage_boot_loader_the_chip_accepts(
    micropython_image: Path,
) -> None:
    """The RP2040's boot ROM runs a flash only if its first 252 bytes match their CRC-32.

    Polynomial 0x04c11db7, start 0xffffffff, not reflected (RP2040 datasheet, 2.8.1.3.1).
    """
    page = uf2.decode(micropython_image.read_bytes())[:256]
    crc = 0xFFFFFFFF
    for byte in page[:252]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x104C11DB7 if crc & 0x80000000 else 0)
    assert crc == int.from_bytes(page[252:], "little")
