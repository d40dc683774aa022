"""The configuration as text (guest.md 8.3, 10.7)."""

from dataclasses import replace

from waagent.config.parse import parse
from waagent.config.render import docs, sample, show, value
from waagent.config.sections import Config
from waagent.config.settings import ROWS

SAMPLE = """\
HttpProxy.Host=None
HttpProxy.Port=None
LBProbeResponder=y
Logs.Verbose=n
OS.EnableRDMA=n
OS.OpensslPath=None
OS.RootDeviceScsiTimeout=300
Provisioning.Agent=auto
Provisioning.DecodeCustomData=n
Provisioning.DeleteRootPassword=n
Provisioning.Enabled=y
Provisioning.ExecuteCustomData=n
Provisioning.MonitorHostName=y
Provisioning.PasswordCryptId=6
Provisioning.PasswordCryptSaltLength=10
Provisioning.RegenerateSshHostKeyPair=y
Provisioning.SshHostKeyPairType=rsa
ResourceDisk.EnableSwap=n
ResourceDisk.Filesystem=ext4
ResourceDisk.Format=y
ResourceDisk.MountOptions=None
ResourceDisk.MountPoint=/mnt/resource
ResourceDisk.SwapSizeMB=0
"""


def shown(config: Config) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in show(config).splitlines())


def test_the_packaged_file_is_the_sample_of_the_specification_with_comments_on_own_lines() -> None:
    lines = [line for line in sample().splitlines(keepends=True) if line.strip() and not line.startswith("#")]
    assert "".join(lines) == SAMPLE
    assert all(line.startswith("#") or "#" not in line for line in sample().splitlines())
    assert max(map(len, sample().splitlines())) <= 110


def test_every_key_is_shown_once_in_byte_order() -> None:
    keys = [line.split(" = ")[0] for line in show(Config()).splitlines()]
    assert keys == sorted(keys, key=str.encode)
    assert len(keys) == len(set(keys)) == len(ROWS)
    assert keys.index("AutoUpdate.Enabled") < keys.index("Autoupdate.Frequency")


def test_booleans_and_missing_values_are_shown_as_tools_expect_them() -> None:
    found = shown(parse("Logs.Verbose=y\nHttpProxy.Host=p\nHttpProxy.Port=80")[0])
    assert found["Logs.Verbose"] == "True"
    assert found["ResourceDisk.EnableSwap"] == "False"
    assert found["OS.OpensslPath"] == "None"
    assert (found["HttpProxy.Host"], found["HttpProxy.Port"]) == ("p", "80")


def test_two_keys_are_shown_under_other_names() -> None:
    found = shown(parse("Debug.SelfUpdateHotfixFrequency=60")[0])
    assert found["Debug.AutoUpdateHotfixFrequency"] == "60"
    assert found["Debug.AutoUpdateNormalFrequency"] == "86400"
    assert not any("SelfUpdate" in key for key in found)


def test_what_is_not_set_is_shown_with_what_applies_in_its_place() -> None:
    config = parse("AutoUpdate.Enabled=n\nExtensions.GoalStatePeriod=9\n")[0]
    assert value(config, "AutoUpdate.UpdateToLatestVersion") is False
    assert value(config, "Extensions.InitialGoalStatePeriod") == 9
    assert value(Config(), "Extensions.GoalStatePeriod") == 6
    own = replace(config, auto_update=replace(config.auto_update, update_to_latest_version=True))
    assert value(own, "AutoUpdate.UpdateToLatestVersion") is True


def test_the_page_of_the_docs_has_every_key_and_whole_rows() -> None:
    page = docs()
    assert all(f"`{row.key}`" in page for row in ROWS)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROWS)
    assert all(line.replace("\\|", "").count("|") == 6 for line in rows)
    assert "`Role.StateConsumer`" in page
