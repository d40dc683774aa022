"""The udev rules that tie names to addresses: moved away, kept, and left alone where they are none."""

from __future__ import annotations

import pytest

from unit.fakes import MemoryFiles, system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties import net_rules

PATHS = Paths.of(Config())
GENERATOR, NAMES = net_rules.RULES


def run(files: MemoryFiles) -> MemoryFiles:
    net_rules.run(system(files=files.put_directory(PATHS.lib)), PATHS)
    return files


@pytest.mark.parametrize("path", net_rules.RULES)
def test_a_rule_is_moved_to_the_agents_state_with_its_mode(path: str) -> None:
    files = run(MemoryFiles().put(path, "rule", mode=0o600))
    kept = f"{PATHS.lib}/{path.rpartition('/')[2]}"
    assert not files.exists(path)
    facts = files.facts(kept)
    assert files.text(kept) == "rule" and facts is not None and facts.mode == 0o600


def test_a_new_rule_takes_the_place_of_a_former_copy() -> None:
    files = run(MemoryFiles().put(NAMES, "new").put(f"{PATHS.lib}/70-persistent-net.rules", "old"))
    assert files.text(f"{PATHS.lib}/70-persistent-net.rules") == "new"


def test_a_former_copy_is_kept_where_there_is_no_rule() -> None:
    files = MemoryFiles().put(f"{PATHS.lib}/70-persistent-net.rules", "old")
    assert run(files).changes == []


def test_a_link_that_switches_a_rule_off_stays() -> None:
    files = run(MemoryFiles().put("/dev/null").put_link(GENERATOR, "/dev/null"))
    assert files.facts(GENERATOR) is not None and files.changes == []


def test_the_copy_is_there_before_the_rule_goes() -> None:
    files = MemoryFiles().put(NAMES, "rule")
    files.break_at(f"{PATHS.lib}/70-persistent-net.rules", "No space left on device")
    with pytest.raises(Exception, match="No space left"):
        run(files)
    assert files.text(NAMES) == "rule"
