"""A command that its handler's limit held up until it timed out: the status says for how long.

The agent's clock runs faster, so that the five minutes of an enable are seconds; what the kernel counts is real time.
"""

import json
import re
from pathlib import Path

import pytest

from fabriclab.scenario import hearing
from scenarios import labs, systemd_labs
from scenarios.extensions.stage import Stage, one, packed
from scenarios.systemd_labs import UNIT, do

pytestmark = [*systemd_labs.on_systemd, pytest.mark.slow, pytest.mark.timeout(240)]

HURRIED = Path(__file__).parent / "extensions/hurried/layer/usr/lib/waagent-hurried/starter.py"
FACTOR = 50
OVERRIDE = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 -u /run/starter.py -daemon\n"


def limited() -> bytes:
    """The probe with a fifth of a processor."""
    probe = json.loads((Path(__file__).parent / "extensions/probe/HandlerManifest.json").read_text())
    probe[0]["resourceLimits"] = {"cpuQuotaPercentage": 20}
    return packed(files={"HandlerManifest.json": json.dumps(probe).encode()})


def test_a_timeout_says_for_how_long_the_limit_held_the_command_up(tmp_path: Path) -> None:
    with systemd_labs.begun(tmp_path, '"Extensions.GoalStatePeriod" = 30') as lab:
        labs.await_ready(lab)
        here = f"/run/systemd/system/{UNIT}.d"
        do(lab, f"mkdir -p {here}; cat >/run/starter.py <<'END'\n{HURRIED.read_text()}END\necho {FACTOR} >/etc/hurry")
        do(lab, f"printf '{OVERRIDE}' >{here}/hurry.conf; systemctl daemon-reload; systemctl restart {UNIT}")
        stage = Stage(lab, "ours")
        stage.put("Probe.Busy", "1.0.0", limited())
        stage.wish("Probe.Busy", "enable", "while :; do :; done")
        stage.publish(one("Probe.Busy"))
        part = stage.part("Probe.Busy")
        said = re.match(r"\[ExtensionError\] Timeout\(300\);CPUThrottledTime\((\d+\.\d)secs\): ", hearing.message(part))
        assert (part["status"], part["code"]) == ("NotReady", 1011)
        assert said is not None, hearing.message(part)
        assert 1 < float(said[1]) < 300 / FACTOR + 1, "a busy machine holds it up, too, which the kernel does not count"
        words = f"CPUThrottledTime({said[1]}secs)"
        assert words in labs.log(lab)
        labs.await_entry(lab, lambda entry: entry.kind == "telemetry" and words in str(entry.facts), "telemetry tells it")
