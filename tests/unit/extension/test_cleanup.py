"""What goes from the library directory after a goal state, and what never does (extensions.md 2.10)."""

from __future__ import annotations

from unit.extension.packages import PATHS
from unit.fakes import MemoryFiles, system
from waagent.extension import cleanup
from waagent.system.apply import apply

LIB = PATHS.lib
WANTED = "Contoso.Lab.Script"


def after(files: MemoryFiles, *wanted: str) -> tuple[str, ...]:
    """The names in the library directory after a cleanup."""
    apply(system(files=files), cleanup.plan(PATHS, cleanup.observe(files, PATHS), wanted))
    return files.names(LIB)


def handler(files: MemoryFiles, name: str, sign: str = "config/HandlerState") -> MemoryFiles:
    return files.put(f"{LIB}/{name}/{sign}", "Enabled").put(f"{LIB}/{name}/bin/run.sh")


def test_handlers_that_the_goal_state_does_not_name_go_and_other_versions_of_those_it_names_stay() -> None:
    files = MemoryFiles()
    handler(handler(files, f"{WANTED}-1.2.3"), f"{WANTED}-1.0.0")
    handler(handler(files, "Other.One-2.0"), "Other.Two-1.0.0.0", "HandlerManifest.json")
    files.put_directory(f"{LIB}/Other.Empty-1.0")
    assert after(files, WANTED) == (f"{WANTED}-1.0.0", f"{WANTED}-1.2.3")


def test_an_empty_goal_state_takes_all() -> None:
    assert after(handler(MemoryFiles(), f"{WANTED}-1.2.3")) == ()


def test_names_are_compared_with_their_case() -> None:
    assert after(handler(MemoryFiles(), f"{WANTED}-1.2.3"), WANTED.lower()) == ()


def test_what_is_not_a_handlers_stays() -> None:
    files = MemoryFiles()
    names = ("custom-script", "events", "history", "WALinuxAgent-2.15.0.1", "backup-2024", "1.0", "-1.0")
    for name in names:
        files.put(f"{LIB}/{name}/something")
    others = ("WALinuxAgent-2.15.0.1.zip", "notes-1.0.txt", "x.zip", "ovf-env.xml", "Certificates.pem", "a__b.zip")
    for name in others:
        files.put(f"{LIB}/{name}")
    handler(files.put_link(f"{LIB}/Linked.One-1.0", "/srv"), "WALinuxAgent-9.9.9.9")
    assert after(files) == tuple(sorted((*names, *others, "Linked.One-1.0", "WALinuxAgent-9.9.9.9")))


def test_packages_without_a_handler_go() -> None:
    files = handler(MemoryFiles(), f"{WANTED}-1.2.3")
    files.put(f"{LIB}/{WANTED}-1.2.3.zip").put(f"{LIB}/{WANTED}-1.2.4.zip")
    files.put(f"{LIB}/{WANTED}__1.2.3.zip").put(f"{LIB}/Other.One__1.0.zip").put(f"{LIB}/{WANTED}__1.2.3.zip_signature.pem")
    files.put_directory(f"{LIB}/Other.Dir-1.0.zip")
    kept = ("Other.Dir-1.0.zip", f"{WANTED}-1.2.3", f"{WANTED}-1.2.3.zip", f"{WANTED}__1.2.3.zip")
    assert after(files, WANTED) == tuple(sorted(kept))


def test_what_a_killed_agent_left_goes_even_for_handlers_that_stay() -> None:
    files = handler(MemoryFiles(), f"{WANTED}-1.2.3")
    files.put(f"{LIB}/{WANTED}-1.2.3.unpacking/half").put(f"{LIB}/{WANTED}-1.0.0.removed/half").put(f"{LIB}/my-own.removed/x")
    assert after(files, WANTED) == (f"{WANTED}-1.2.3", "my-own.removed")


def test_a_directory_that_cannot_be_removed_stops_nothing() -> None:
    files = handler(handler(MemoryFiles(), "A.One-1.0"), "B.Two-1.0")
    plan = cleanup.plan(PATHS, cleanup.observe(files, PATHS), ())
    files.break_at(f"{LIB}/A.One-1.0", "Device or resource busy")
    apply(system(files=files), plan)
    assert files.names(LIB) == ("A.One-1.0",)


def test_a_handler_is_no_handler_any_more_before_its_files_go() -> None:
    files = handler(MemoryFiles(), "A.One-1.0")
    first, second = cleanup.plan(PATHS, cleanup.observe(files, PATHS), ())
    assert (type(first).__name__, type(second).__name__) == ("Rename", "Remove")
    apply(system(files=files), (first,))
    assert files.names(LIB) == ("A.One-1.0.removed",)
    assert after(files) == ()


def test_states_of_long_ago_move_to_their_handlers_and_replace_none() -> None:
    old = f"{LIB}/handler_state"
    files = MemoryFiles({f"{old}/A.One-1.0/state": "Enabled", f"{old}/A.One-1.0/status": "{}", f"{old}/Gone-1.0/state": "x"})
    files.put_directory(f"{LIB}/A.One-1.0")
    handler(files, "B.Two-1.0").put(f"{old}/B.Two-1.0/state", "old")
    apply(system(files=files), cleanup.migrate(files, PATHS))
    assert files.text(f"{LIB}/A.One-1.0/config/HandlerState") == "Enabled"
    assert files.text(f"{LIB}/A.One-1.0/config/HandlerStatus") == "{}"
    assert files.text(f"{LIB}/B.Two-1.0/config/HandlerState") == "Enabled"
    assert files.names(LIB) == ("A.One-1.0", "B.Two-1.0")
    assert cleanup.migrate(files, PATHS) == ()
