from datetime import datetime, timezone

from waagent.cli.log import AgentLog, line
from waagent.model.failure import SystemFailure

MOMENT = datetime(2026, 3, 1, 8, 15, 30, 123456, tzinfo=timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return MOMENT

    def monotonic(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> bool:
        return True


class Disk:
    """Only ``append`` is a log's business."""

    def __init__(self, full: bool = False) -> None:
        self.text = ""
        self.full = full

    def append(self, path: str, content: bytes, mode: int = 0o644) -> None:
        if self.full:
            raise SystemFailure("no space left on device")
        self.text += content.decode()


def test_a_line_has_the_layout_that_tools_read() -> None:
    shown = line(MOMENT, "INFO", "Daemon", "Daemon", "caf\xe9 https://a.example/b?sv=1&sig=x")
    assert shown == "2026-03-01T08:15:30.123456Z INFO Daemon Daemon caf\\xe9 https://a.example/b?<redacted>\n"


def test_a_verb_without_prefix_omits_the_field() -> None:
    assert line(MOMENT, "INFO", "MainThread", "", "x") == "2026-03-01T08:15:30.123456Z INFO MainThread x\n"


def test_the_same_warning_is_written_once_an_hour_and_then_says_how_often_it_came() -> None:
    clock, disk = Clock(), Disk()
    log = AgentLog(disk, clock, "/log")  # type: ignore[arg-type]
    for _ in range(5):
        log.warning("the fabric is silent")
    assert disk.text.count("silent") == 1
    clock.seconds = 3601
    log.warning("the fabric is silent")
    assert disk.text.count("silent") == 2
    assert "said 4 more times" in disk.text


def test_what_is_remembered_of_repeated_lines_is_bounded() -> None:
    disk = Disk()
    log = AgentLog(disk, Clock(), "/log")  # type: ignore[arg-type]
    for number in range(2000):
        log.error(f"error {number}")
    log.error("error 0")
    assert disk.text.count("error 0\n") == 2  # forgotten meanwhile, so written again


def test_only_boot_phases_reach_the_console_and_verbose_lines_only_a_verbose_log() -> None:
    shown: list[str] = []
    disk = Disk()
    log = AgentLog(disk, Clock(), "/log", console=shown.append)  # type: ignore[arg-type]
    log.phase("provisioning starts")
    log.info("a detail")
    log.verbose("a small detail")
    assert shown == ["waagent: provisioning starts\r\n"]
    assert "a detail" in disk.text
    assert "small" not in disk.text


def test_a_full_disk_stops_no_line_from_reaching_standard_output() -> None:
    shown: list[str] = []
    AgentLog(Disk(full=True), Clock(), "/log", echo=shown.append).info("still here")  # type: ignore[arg-type]
    assert "still here" in shown[0]
