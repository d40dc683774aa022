"""waagent.conf as text to values and remarks (guest.md 7.1)."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.fakes import MemoryFiles
from waagent.config.parse import load, locate, parse
from waagent.config.render import sample
from waagent.config.sections import Config
from waagent.config.settings import ALIASES, BY_KEY, DEAD_KEYS, ROWS, Kind, Row, Setting
from waagent.model.failure import DocumentFailure, SystemFailure


def value(text: str, key: str) -> Setting:
    config, _ = parse(text)
    row = BY_KEY[key]
    found: Setting = getattr(getattr(config, row.section), row.field)
    return found


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ('ResourceDisk.MountPoint = "/mnt/res x"  # scratch', "ResourceDisk.MountPoint", "/mnt/res x"),
        ("OS.OpensslPath=None", "OS.OpensslPath", None),
        ('OS.OpensslPath="None"', "OS.OpensslPath", None),
        ("OS.OpensslPath=none", "OS.OpensslPath", "none"),
        ("Logs.Verbose=Y", "Logs.Verbose", True),
        ("Logs.Verbose=yes", "Logs.Verbose", False),
        ("ResourceDisk.SwapSizeMB=2 GB", "ResourceDisk.SwapSizeMB", 0),
        ("ResourceDisk.SwapSizeMB = 2048\r", "ResourceDisk.SwapSizeMB", 2048),
        ("Provisioning.DecodeCustomData=n#no", "Provisioning.DecodeCustomData", False),
        ("Provisioning.DecodeCustomData=y#no", "Provisioning.DecodeCustomData", True),
        ("ResourceDisk.MountOptions=a=b,mode=777", "ResourceDisk.MountOptions", "a=b,mode=777"),
        ('ResourceDisk.MountOptions="a#b"', "ResourceDisk.MountOptions", "a"),
        ("ResourceDisk.MountOptions='a'", "ResourceDisk.MountOptions", "'a'"),
        ("ResourceDisk.MountOptions=", "ResourceDisk.MountOptions", ""),
        ("  ResourceDisk.EnableSwap  =\ty \t", "ResourceDisk.EnableSwap", True),
        ("resourcedisk.enableswap=y", "ResourceDisk.EnableSwap", False),
        ("#ResourceDisk.EnableSwap=y", "ResourceDisk.EnableSwap", False),
        (" #ResourceDisk.EnableSwap=y", "ResourceDisk.EnableSwap", False),
        ("ResourceDisk.EnableSwap", "ResourceDisk.EnableSwap", False),
        ("\ufeffResourceDisk.EnableSwap=y", "ResourceDisk.EnableSwap", True),
        ("Home.Dir=/users", "OS.HomeDir", "/users"),
        ("OS.HomeDir=/people\nHome.Dir=/users", "OS.HomeDir", "/people"),
        ("OS.SshdConfigPath=/config/ssh/sshd_config", "OS.SshdConfigPath", "/config/ssh/sshd_config"),
        ("Lib.Dir=/shared/vadc/azure/waagent/", "Lib.Dir", "/shared/vadc/azure/waagent"),
        ("Provisioning.PasswordCryptId=2a", "Provisioning.PasswordCryptId", "2a"),
        ("Extensions.GoalStatePeriod=2", "Extensions.GoalStatePeriod", 2),
        ("Extension.LogDir=/log/azure", "Extension.LogDir", "/log/azure"),
        ("HttpProxy.Port=3128", "HttpProxy.Port", 3128),
    ],
)
def test_a_line_means(line: str, key: str, expected: Setting) -> None:
    assert value(line, key) == expected


def test_the_last_line_of_a_key_wins() -> None:
    assert value("Logs.Verbose=y\nLogs.Verbose=n\n", "Logs.Verbose") is False
    assert value("ResourceDisk.SwapSizeMB=7\nResourceDisk.SwapSizeMB=x\n", "ResourceDisk.SwapSizeMB") == 0


def test_none_is_a_missing_line_except_for_the_scsi_timeout() -> None:
    config, remarks = parse("".join(f"{row.key}=None\n" for row in ROWS))
    assert config == dataclasses.replace(Config(), os=dataclasses.replace(Config().os, root_device_scsi_timeout=None))
    assert remarks == ()


@pytest.mark.parametrize(
    ("line", "seconds", "remarks"),
    [
        ("OS.RootDeviceScsiTimeout=180", 180, 0),
        ("OS.RootDeviceScsiTimeout=", None, 0),
        ('OS.RootDeviceScsiTimeout=""  # the system decides', None, 0),
        ("OS.RootDeviceScsiTimeout=None", None, 0),
        ("OS.RootDeviceScsiTimeout=0", 300, 1),
        ("OS.RootDeviceScsiTimeout=-30", 300, 1),
        ("OS.RootDeviceScsiTimeout=5m", 300, 1),
        ("OS.RootDeviceScsiTimeout=4294968", 300, 1),
        ("", 300, 0),
    ],
)
def test_the_scsi_timeout_is_a_positive_number_of_seconds_or_left_to_the_system(
    line: str, seconds: int | None, remarks: int
) -> None:
    config, remarked = parse(line)
    assert config.os.root_device_scsi_timeout == seconds
    assert len(remarked) == remarks


def test_each_bad_value_and_unknown_key_is_remarked_once_with_line_and_key() -> None:
    text = "# c\nLogs.Verbose=maybe\nFoo.Bar=1\nFoo.Bar=2\n\nResourceDisk.SwapSizeMB=-1\nlogs.console=n\n"
    _, remarks = parse(text)
    assert [remark.rpartition(";")[0] or remark for remark in remarks] == [
        'line 2: Logs.Verbose: "maybe" is not y or n',
        "line 3: Foo.Bar: unknown key, ignored",
        'line 6: ResourceDisk.SwapSizeMB: "-1" is not a decimal number',
        "line 7: logs.console: unknown key, ignored (is Logs.Console meant?)",
    ]


@pytest.mark.parametrize("text", ["y\u00b2", "\u0663", "1_0", "+1", "0x1", "1.0", "9" * 30, ""])
def test_an_integer_is_decimal_digits_only(text: str) -> None:
    config, remarks = parse(f"ResourceDisk.SwapSizeMB={text}")
    assert config == Config()
    assert len(remarks) == 1


@pytest.mark.parametrize("path", ["", "/", "//", "/a/..", "relative", ".", "/x\0y"])
@pytest.mark.parametrize("key", ["Lib.Dir", "Extension.LogDir", "ResourceDisk.MountPoint"])
def test_a_path_that_would_endanger_the_machine_is_refused(key: str, path: str) -> None:
    config, remarks = parse(f"{key}={path}")
    assert config == Config()
    assert remarks and remarks[0].startswith(f"line 1: {key}: ")


@pytest.mark.parametrize(
    "line",
    ["Provisioning.PasswordCryptId=md5", "Extensions.GoalStatePeriod=0", "HttpProxy.Port=65536", "HttpProxy.Port=0"],
)
def test_a_value_out_of_bounds_leaves_the_default(line: str) -> None:
    config, remarks = parse(line)
    assert config == Config()
    assert len(remarks) == 1


def test_a_proxy_without_a_port_is_remarked() -> None:
    config, remarks = parse("HttpProxy.Host=proxy.example\n")
    assert (config.http_proxy.host, config.http_proxy.port) == ("proxy.example", None)
    assert remarks == ("line 1: HttpProxy.Host: there is no HttpProxy.Port, so connections are direct",)


def test_dead_names_are_accepted_without_a_word() -> None:
    config, remarks = parse("".join(f"{key}=anything\n" for key in (*DEAD_KEYS, *ALIASES)).replace("Home.Dir=", "Home.Dir=/"))
    assert remarks == ()
    assert config.os.home_dir == "/anything"


def test_a_period_without_a_line_stays_unset_so_that_the_agent_chooses() -> None:
    assert parse("")[0].extensions.goal_state_period is None


def written(row: Row) -> st.SearchStrategy[str]:
    if row.kind is Kind.BOOLEAN:
        return st.sampled_from(("y", "n"))
    if row.kind is Kind.INTEGER:
        return st.integers(max(row.minimum, 1), min(row.maximum or 10**9, 10**9)).map(str)
    if row.choices:
        return st.sampled_from(row.choices)
    if row.kind is Kind.PATH:
        return st.text("abc./ x", min_size=1, max_size=9).map(lambda text: f"/p/{text.strip()}x")
    return st.text("abcXYZ/:,=.-_", min_size=1, max_size=12).filter(lambda text: text != "None")


@given(st.fixed_dictionaries({row.key: written(row) for row in ROWS}))
def test_every_key_reaches_its_field(lines: dict[str, str]) -> None:
    config, remarks = parse("".join(f"{key}={text}\n" for key, text in lines.items()))
    assert remarks == ()
    for row in ROWS:
        found = getattr(getattr(config, row.section), row.field)
        expected: Setting = lines[row.key]
        if row.kind is Kind.BOOLEAN:
            expected = lines[row.key] == "y"
        elif row.kind is Kind.INTEGER:
            expected = int(lines[row.key])
        assert found == expected


def test_a_line_without_a_key_sets_nothing() -> None:
    assert parse("=y\n = 5\n") == (Config(), ("line 1: : unknown key, ignored",))


@given(st.text() | st.lists(st.sampled_from((*BY_KEY, "=", "\n", "y", "5", "/", "#", '"', "None", " "))).map("".join))
def test_no_text_stops_the_parser(text: str) -> None:
    config, remarks = parse(text)
    assert isinstance(config, Config)
    assert all(remark.isprintable() for remark in remarks)


@given(st.binary(min_size=1))
def test_no_bytes_stop_loading(data: bytes) -> None:
    files = MemoryFiles({"/etc/waagent.conf": data})
    try:
        load(files, "/etc/waagent.conf")
    except DocumentFailure as failure:
        assert "/etc/waagent.conf" in str(failure)


def test_the_packaged_file_loads_without_remarks_and_asks_for_the_defaults() -> None:
    files = MemoryFiles({"/etc/waagent.conf": sample()})
    assert load(files, "/etc/waagent.conf") == (Config(), ())


@pytest.mark.parametrize("content", [None, b"", b"\n \n"])
def test_a_missing_or_empty_file_is_refused_by_name(content: bytes | None) -> None:
    files = MemoryFiles({} if content is None else {"/etc/waagent.conf": content})
    with pytest.raises(DocumentFailure, match=r"/etc/waagent\.conf"):
        load(files, "/etc/waagent.conf")


def test_bytes_that_are_not_utf_8_cost_only_their_own_line() -> None:
    files = MemoryFiles({"/c": b"# caf\xe9\nLogs.Verbose=y\n"})
    assert load(files, "/c")[0].logs.verbose is True


class TestLocate:
    @pytest.mark.parametrize(
        ("there", "platform", "expected"),
        [
            (("/etc/waagent.conf",), "linux", "/etc/waagent.conf"),
            (("/usr/share/oem/waagent.conf",), "linux", "/usr/share/oem/waagent.conf"),
            (("/etc/waagent.conf", "/usr/share/oem/waagent.conf"), "linux", "/etc/waagent.conf"),
            (("/usr/share/defaults/waagent/waagent.conf",), "linux", "/usr/share/defaults/waagent/waagent.conf"),
            (
                ("/etc/waagent.conf", "/apps/walinuxagent/current/waagent.conf"),
                "linux",
                "/apps/walinuxagent/current/waagent.conf",
            ),
            (("/usr/local/etc/waagent.conf", "/etc/waagent.conf"), "freebsd14", "/usr/local/etc/waagent.conf"),
            (("/usr/local/etc/waagent.conf", "/etc/waagent.conf"), "linux", "/etc/waagent.conf"),
            ((), "linux", "/etc/waagent.conf"),
            ((), "freebsd14", "/usr/local/etc/waagent.conf"),
        ],
    )
    def test_the_first_place_of_the_system_counts(self, there: tuple[str, ...], platform: str, expected: str) -> None:
        assert locate(MemoryFiles(dict.fromkeys(there, b"x")), platform=platform) == expected

    def test_an_override_counts_alone(self) -> None:
        files = MemoryFiles({"/etc/waagent.conf": b"x", "/my.conf": b"x"})
        assert locate(files, "/my.conf") == "/my.conf"

    def test_a_missing_override_is_refused(self) -> None:
        with pytest.raises(SystemFailure, match=r"/my\.conf"):
            locate(MemoryFiles({"/etc/waagent.conf": b"x"}), "/my.conf")
