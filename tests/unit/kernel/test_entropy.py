from __future__ import annotations

from unit.fakes import ListLog, MemoryFiles, system
from waagent.kernel.entropy import POOL, TABLE, seed

BYTES = b"OEM0" + bytes(range(96))


def test_the_hosts_table_is_mixed_into_the_pool_as_it_is() -> None:
    files = MemoryFiles({TABLE: BYTES}).put_other(POOL)
    seed(system(files=files))
    assert files.changes == [POOL]
    assert files.tree("/dev")[POOL].startswith("other")
    assert files.tree("/dev")[POOL].endswith(bytes(range(96)).decode("utf-8", "backslashreplace").rstrip(" "))


def test_a_machine_without_the_table_is_left_alone_without_a_word() -> None:
    log = ListLog()
    files = MemoryFiles().put_other(POOL)
    seed(system(files=files, log=log))
    assert (files.changes, log.lines) == ([], [])


def test_whatever_goes_wrong_is_only_for_the_verbose_log() -> None:
    for files in (MemoryFiles({TABLE: BYTES}), MemoryFiles({TABLE: BYTES}).break_at(TABLE, "Permission denied")):
        log = ListLog()
        seed(system(files=files, log=log))
        assert [level for level, _ in log.lines] == ["verbose"]
