"""A file appears whole or not at all, keeps mode and owner, and its name is in every error."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from gputsne.base import files
from gputsne.base.files import check_writable, is_stream, replacing


def test_the_new_file_has_the_mode_of_the_old_and_never_shows_more(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as part:
        assert stat.S_IMODE(part.stat().st_mode) & 0o077 == 0
        part.write_text("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_new_file_has_the_owner_of_the_old(tmp_path, monkeypatch):
    path = tmp_path / "map.csv"
    path.write_text("old")
    asked = []
    monkeypatch.setattr(files.os, "chown", lambda part, *ids: asked.append(ids))
    with replacing(path) as part:
        part.write_text("new")
    assert asked == [(-1, path.stat().st_gid), (path.stat().st_uid, -1)]


def test_a_file_that_may_not_be_given_away_is_written_all_the_same(tmp_path, monkeypatch):
    path = tmp_path / "map.csv"
    path.write_text("old")

    def refuse(*args: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(files.os, "chown", refuse)
    with replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.ENOSPC, "No space left on device", "/elsewhere/.hidden"),
        OSError("1000 requested and 12 written"),
    ],
)
def test_errors_name_the_file_and_leave_the_old_one(tmp_path, error):
    path = tmp_path / "map.csv"
    path.write_text("old")
    with pytest.raises(OSError, match=r"map\.csv") as raised, replacing(path):
        raise error
    assert raised.value.errno == error.errno
    assert ".hidden" not in str(raised.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_circle_of_links_is_an_oserror(tmp_path):
    path = tmp_path / "a"
    path.symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="circle"):
        check_writable(path)
    with pytest.raises(OSError, match="circle"), replacing(path) as part:
        part.write_text("never")


def test_streams_are_known(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    assert is_stream("/dev/null")
    assert is_stream("/dev/stdout")
    assert is_stream(tmp_path / "link")
    assert not is_stream(tmp_path)
    assert not is_stream(tmp_path / "missing")


def test_a_part_may_have_another_suffix_and_goes_when_it_is_dead(tmp_path):
    path = tmp_path / "maps.prom"
    with replacing(path, suffix=".part") as part:
        assert (part.parent, part.suffix) == (tmp_path, ".part")
        part.write_text("new")
    names = {
        ".map.12-0a1b2c3d.csv": True, "..map.12-0a1b2c3d.3-00000000.csv": True,
        ".map.12-0a1b2c3d.npy": False, ".mapx.12-0a1b2c3d.csv": False, ".map.csv": False,
        ".map.12-0a1b2c3d.csv.bak": False, "map.12-0a1b2c3d.csv": False, ".map.csv.swp": False,
    }  # fmt: skip
    for name in names:
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".map.9-ffffffff.csv").write_text("of a writer that is at it")
    (tmp_path / ".map.8-ffffffff.csv").symlink_to(path)
    check_writable(tmp_path / "map.csv")
    left = {name for name, dead in names.items() if not dead}
    assert {p.name for p in tmp_path.iterdir()} - left == {
        "maps.prom", ".map.9-ffffffff.csv", ".map.8-ffffffff.csv"
    }  # fmt: skip
