"""The guest's writable layer read from outside: links that a handler has made lead nowhere."""

from pathlib import Path

from fabriclab.judge import disk, records


def layer(place: Path) -> Path:
    (place / "outside").mkdir()
    (place / "outside/secret").write_text("of this machine")
    upper = place / "upper"
    (upper / "var/lib").mkdir(parents=True)
    (upper / "var/lib/plain").write_text("of the guest")
    return upper


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    assert disk.read(layer(tmp_path), "/var/lib/plain", 6) == b"of the"


def test_no_link_is_followed_wherever_it_is_in_the_path(tmp_path: Path) -> None:
    upper = layer(tmp_path)
    (upper / "var/lib/link").symlink_to(tmp_path / "outside/secret")
    (upper / "var/linked").symlink_to(tmp_path / "outside")
    for path in ("/var/lib/link", "/var/linked/secret", "/var/none/secret"):
        assert disk.read(upper, path, 100) is None
    assert [one.path for one in disk.walk(upper, 100)] == ["/var/lib/plain"]


def test_a_file_is_open_only_when_the_directories_above_it_are(tmp_path: Path) -> None:
    upper = layer(tmp_path)
    for name, mode in (("closed", 0o700), ("passable", 0o711)):
        (upper / name).mkdir()
        (upper / name / "file").write_text("x")
        (upper / name).chmod(mode)
    (upper / "closed/below").mkdir()
    (upper / "closed/below/file").write_text("x")
    (upper / "var/lib/plain").chmod(0o600)
    found = {one.path: one.open for one in disk.walk(upper, 100)}
    assert found == {"/closed/file": False, "/closed/below/file": False, "/passable/file": True, "/var/lib/plain": False}


def test_large_files_are_left_out(tmp_path: Path) -> None:
    assert list(disk.walk(layer(tmp_path), 3)) == []


def test_records_give_a_run_without_an_end_and_a_half_line_is_waited_for(tmp_path: Path) -> None:
    place = tmp_path / records.PLACE
    place.parent.mkdir(parents=True)
    begin = '{"number": "%s", "what": "begin", "at": 5.0, "command": "enable", "base": "/lib/A.B-1.2", "environment": %s}\n'
    end = '{"number": "1", "what": "end", "at": 6.0, "status": 0, "seconds": 1.0, "statuses": {"0.status": [1], "x": [1]}}\n'
    multi = '{"ConfigSequenceNumber": "4", "ConfigExtensionName": "one"}'
    place.write_text(begin % ("1", '{"ConfigSequenceNumber": "0"}') + begin % ("2", multi) + end + '{"number": "2", "wha')
    first, second = records.read(tmp_path)
    assert (first.name, first.sequence, first.status, first.written) == ("enable of 1.2", "0", 0, ("0.status",))
    assert (second.name, second.sequence, second.status, second.ended) == ("enable (one) of 1.2", "4", None, None)


def test_no_records_are_no_commands(tmp_path: Path) -> None:
    assert records.read(tmp_path) == ()
