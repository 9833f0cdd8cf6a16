# SPDX-License-Identifier: MIT
"""The cache folder: where it is, and that nothing half-written is ever found in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesor.cache import user_cache_dir, write_atomically


def test_the_cache_is_where_the_xdg_specification_puts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Containers and shared machines redirect caches by this one variable."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_dir() == tmp_path / "mesor"


@pytest.mark.parametrize("value", ["", "relative/cache"])
def test_an_empty_or_relative_setting_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    """The specification asks for this; a relative cache would follow the working folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache_dir() == tmp_path / ".cache" / "mesor"


def test_a_failed_write_keeps_the_old_file_and_leaves_no_scratch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full disk must not turn a good image into half a one."""
    path = tmp_path / "image.uf2"
    write_atomically(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
