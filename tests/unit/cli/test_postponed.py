import subprocess
import sys
import threading
from pathlib import Path

import pytest

from waagent.cli.postponed import postpone

NAME = "a_module_to_be_postponed"


@pytest.fixture
def module_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / f"{NAME}.py"
    path.write_text("import sys\nsys.executed = getattr(sys, 'executed', 0) + 1\nVALUE = 7\n")
    sys.path.insert(0, str(tmp_path))

    def forget() -> None:
        sys.path.remove(str(tmp_path))
        sys.modules.pop(NAME, None)
        if hasattr(sys, "executed"):
            del sys.executed

    request.addfinalizer(forget)
    return path


def executed() -> int:
    return getattr(sys, "executed", 0)


def test_a_postponed_module_is_executed_by_its_first_use_and_once(module_file: Path) -> None:
    postpone(NAME)
    module = __import__(NAME)
    assert executed() == 0
    assert module.VALUE == 7
    assert module.VALUE == 7
    assert executed() == 1


def test_a_name_that_is_imported_from_it_counts_as_use(module_file: Path) -> None:
    postpone(NAME)
    names: dict[str, object] = {}
    exec(f"from {NAME} import VALUE", names)
    assert names["VALUE"] == 7


def test_what_the_import_system_asks_does_not_execute_it(module_file: Path) -> None:
    postpone(NAME)
    module = __import__(NAME)
    assert not hasattr(module, "__path__")
    assert module.__file__ == str(module_file)
    assert executed() == 0


def test_a_name_that_it_does_not_have_is_missed_as_of_any_module(module_file: Path) -> None:
    postpone(NAME)
    with pytest.raises(AttributeError, match="OTHER"):
        _ = __import__(NAME).OTHER


def test_several_threads_that_use_it_first_all_see_it_whole(module_file: Path) -> None:
    module_file.write_text(f"import time\ntime.sleep(0.05)\n{module_file.read_text()}")
    postpone(NAME)
    module = __import__(NAME)
    seen: list[object] = []
    threads = [threading.Thread(target=lambda: seen.append(module.VALUE)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [7] * 8
    assert executed() == 1


def test_what_is_loaded_already_or_not_to_be_found_is_left_alone() -> None:
    postpone("json")
    assert __import__("json").loads("[1]") == [1]
    postpone("no_such_module_anywhere")
    assert "no_such_module_anywhere" not in sys.modules


def test_the_modules_that_the_agent_postpones_work_once_they_are_used() -> None:
    source = Path(__file__).resolve().parents[3] / "src"
    program = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "import waagent.cli.main, inspect, pathlib, shutil\n"
        "print(inspect.signature(lambda one: one), pathlib.PurePath('/a') / 'b', shutil.which('sh') is not None)"
    )
    done = subprocess.run(["/usr/bin/python3", "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "(one) /a/b True\n"
