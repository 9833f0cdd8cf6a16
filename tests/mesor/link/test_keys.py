# SPDX-License-Identifier: MIT
"""Keys stay where they belong: one file per board, for its owner alone, and nowhere else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mesor.errors import LinkError
from mesor.link import PumpClient
from mesor.link.keys import PumpKeys, make_keys, stored_keys
from mesor.program import compile_program
from mesor_hil.run import Order, execute
from mesor_hil.scenarios import load_scenario
from mesor_hil.targets.test_keys import TEST_KEYS
from mesor_hil.targets.twin import TwinTarget

BOARD = "e661640843612a2b"


@pytest.fixture(autouse=True)
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_there_is_no_default_key(config_home: Path) -> None:
    """A board that this host never flashed has none here."""
    assert stored_keys(BOARD) is None
    assert not config_home.exists()


def test_made_keys_are_kept_for_their_owner_alone(config_home: Path) -> None:
    """File 0600, folder 0700, and the same keys come back."""
    keys = make_keys(BOARD)
    path = config_home / "mesor" / "keys" / f"{BOARD}.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes() == keys.content
    assert stored_keys(BOARD) == keys
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_no_two_keys_are_alike() -> None:
    """Between boards, between uses, and each time they are made."""
    made = [make_keys(BOARD), make_keys(BOARD), make_keys("0" * 16)]
    halves = {half for keys in made for half in (keys.device, keys.seal)}
    assert len(halves) == 6


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_use_is_refused(config_home: Path, mode: int) -> None:
    """What somebody may have read is no secret."""
    make_keys(BOARD)
    (config_home / "mesor" / "keys" / f"{BOARD}.key").chmod(mode)
    with pytest.raises(LinkError, match=f"mode {mode:o}.*chmod 600"):
        stored_keys(BOARD)


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_a_file_of_wrong_size_is_refused(config_home: Path, size: int) -> None:
    """A short key would be a weak one."""
    make_keys(BOARD)
    (config_home / "mesor" / "keys" / f"{BOARD}.key").write_bytes(bytes(size))
    with pytest.raises(LinkError, match=f"holds {size} bytes and a pump's keys are 64"):
        stored_keys(BOARD)


@pytest.mark.parametrize("board_id", ["", "../../../etc/passwd", "E661640843612A2B", "0" * 17])
def test_an_id_that_no_board_has_names_no_file(board_id: str) -> None:
    """It comes over the wire, from whatever is on the port."""
    with pytest.raises(LinkError, match="16 hex digits"):
        stored_keys(board_id)


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(config_home: Path) -> None:
    """Flashing ends there, before the board is touched."""
    config_home.write_text("a file where the folder should be")
    with pytest.raises(LinkError, match="cannot be kept"):
        make_keys(BOARD)


def test_a_key_does_not_show_when_it_is_printed() -> None:
    """Tracebacks and logs print what they hold."""
    keys = PumpKeys(bytes(range(32)), bytes(range(32, 64)))
    for text in (repr(keys), str(keys), f"{keys}"):
        assert "PumpKeys()" in text


def test_without_keys_a_host_may_stop_the_pump_and_nothing_else() -> None:
    """It learns so before a byte of a program is sent."""
    client = PumpClient(TwinTarget())
    client.hello()
    with pytest.raises(LinkError, match="holds no key for the pump"):
        client.upload(bytes(400))
    with pytest.raises(LinkError, match="holds no key for the pump"):
        client.start(300, 0)
    client.stop()


def test_a_host_with_another_key_is_told_so() -> None:
    """Signed, sent, refused; one sentence."""
    client = PumpClient(TwinTarget(), keys_of=lambda _id: PumpKeys(bytes(32), bytes(32)))
    client.hello()
    with pytest.raises(LinkError, match="does not hold the key"):
        client.upload(bytes(400))


def test_no_key_reaches_a_file_that_a_run_leaves(tmp_path: Path) -> None:
    """Log, report, summary: searched for the bytes, and their hex digits in either case."""
    scenario = load_scenario("vancomycin_two_hours")
    folder = tmp_path / "run"
    program = compile_program(scenario.problem(), samples=200)
    order = Order(scenario, "twin", 3, folder)
    execute(order, lambda _text: None, lambda *_progress: None, program)
    traces = [
        form
        for key in (TEST_KEYS.device, TEST_KEYS.seal)
        for form in (key, key.hex().encode(), key.hex().upper().encode(), key[:8], key[-8:],
                     key.hex()[:16].encode())
    ]  # fmt: skip
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"run.mcap", "report.html", "summary.json"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not any(trace in content for trace in traces), path.name
