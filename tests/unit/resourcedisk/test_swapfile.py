"""The swap file: what is done for it, and to whom not (guest.md 4.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.guest import swap
from waagent.model.disk import Swap
from waagent.model.failure import SystemFailure
from waagent.resourcedisk.observe import SwapFacts
from waagent.resourcedisk.swapfile import plan
from waagent.system.action import AllocateFile, Plan, Remove, Rename, Run, SetMode, WriteFile

PLACE = "/mnt/resource"
FILE = f"{PLACE}/swapfile"
DRAFT = f"{PLACE}/.swapfile.waagent-new"
ROOM = SwapFacts(filesystem="ext4", free=1 << 40)
OURS = (Swap(FILE, 1),)
OTHER = (Swap("/swap.img", 1), Swap("/dev/sda2", 1))


def commands(actions: Plan) -> list[tuple[str, ...]]:
    return [action.argv for action in actions if isinstance(action, Run)]


def test_a_new_file_is_made_whole_under_another_name_first() -> None:
    made = plan(PLACE, 33, ROOM)
    assert [type(action) for action in made] == [AllocateFile, Run, Rename, Run]
    assert made[0] == replace(made[0], path=DRAFT, size=33 << 20, mode=0o600, written=True)  # type: ignore[call-arg]
    assert commands(made) == [("mkswap", DRAFT), ("swapon", FILE)]


def test_on_btrfs_its_blocks_stay_where_they_are() -> None:
    made = plan(PLACE, 8, replace(ROOM, filesystem="btrfs"))
    assert isinstance(made[0], WriteFile) and made[0].content == b"" and made[0].mode == 0o600
    assert commands(made)[0] == ("chattr", "+C", DRAFT)
    assert isinstance(made[2], AllocateFile) and not made[2].written


def test_a_file_of_the_right_size_that_is_in_use_needs_nothing() -> None:
    facts = replace(ROOM, size=8 << 20, active=OURS)
    assert plan(PLACE, 8, facts) == ()
    (closed,) = plan(PLACE, 8, replace(facts, mode=0o644))
    assert closed == replace(closed, path=FILE, mode=0o600) and isinstance(closed, SetMode)  # type: ignore[call-arg]


def test_a_whole_file_is_turned_on_after_a_reboot() -> None:
    assert commands(plan(PLACE, 8, replace(ROOM, size=8 << 20, whole=True))) == [("swapon", FILE)]


def test_a_file_of_the_right_size_that_is_not_whole_is_made_anew() -> None:
    made = plan(PLACE, 8, replace(ROOM, size=8 << 20))
    assert isinstance(made[0], Remove) and made[0].path == FILE


def test_another_size_means_off_away_and_anew() -> None:
    made = plan(PLACE, 8, replace(ROOM, size=9 << 20, active=(*OTHER, *OURS), whole=True))
    assert commands(made) == [("swapoff", FILE), ("mkswap", DRAFT), ("swapon", FILE)]
    assert isinstance(made[1], Remove) and made[1].path == FILE


def test_what_a_killed_agent_left_goes_first() -> None:
    made = plan(PLACE, 8, replace(ROOM, draft=True))
    assert isinstance(made[0], Remove) and made[0].path == DRAFT


@pytest.mark.parametrize(
    ("size", "change", "reason"),
    [
        (0, {}, "SwapSizeMB above 0"),
        (-3, {}, "SwapSizeMB above 0"),
        (8, {"plain": False}, "is no file"),
        (8, {"filesystem": "fuseblk"}, "no swap file"),
        (8, {"free": 9 << 20}, "there is no room"),
        (64, {"free": 0, "size": 32 << 20}, "there is no room"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_changed(size: int, change: dict[str, object], reason: str) -> None:
    with pytest.raises(SystemFailure, match=reason):
        plan(PLACE, size, replace(ROOM, **change))  # type: ignore[arg-type]


facts = st.builds(
    SwapFacts,
    size=st.none() | st.integers(0, 1 << 30),
    mode=st.sampled_from([0o600, 0o644]),
    whole=st.booleans(),
    draft=st.booleans(),
    filesystem=st.sampled_from(["ext4", "xfs", "btrfs", "ext3"]),
    free=st.integers(0, 1 << 33),
    active=st.sets(st.sampled_from([*OTHER, *OURS])).map(tuple),
)


@given(st.integers(1, 4096), facts)
def test_nobody_elses_swap_space_is_touched_and_the_size_is_exact(size: int, found: SwapFacts) -> None:
    try:
        made = plan(PLACE, size, found)
    except SystemFailure:
        return
    touched = [argv[1] for argv in commands(made) if argv[0] in ("swapoff", "swapon", "mkswap")]
    assert set(touched) <= {FILE, DRAFT}
    assert [action.size for action in made if isinstance(action, AllocateFile)] in ([], [size << 20])
    changed = [action.path for action in made if isinstance(action, (Remove, WriteFile, SetMode, AllocateFile))]
    assert set(changed) <= {FILE, DRAFT}


def test_the_kernels_list_is_read_with_its_blanks_and_marks() -> None:
    text = (
        "Filename\tType\tSize\tUsed\tPriority\n/mnt/my\\040disk/swapfile file 8188 0 -2\n/dev/sda2 partition 1024 0 -3\nodd\n"
    )
    assert swap.swaps(text) == (Swap("/mnt/my disk/swapfile", 8188 * 1024), Swap("/dev/sda2", 1024 * 1024))
    assert swap.swaps("") == ()
