import pytest

from waagent.cli import legacy


@pytest.mark.parametrize("spelling", ["-daemon", "--daemon", "/daemon", "daemon"])
def test_a_verb_may_be_written_with_any_leading_dashes_or_slashes(spelling: str) -> None:
    assert legacy.parse([spelling]).verb.word == "daemon"


def test_the_exact_call_of_packer_means_deprovision_with_user_and_force() -> None:
    invocation = legacy.parse(["-force", "-deprovision+user"])
    assert invocation.verb.word == "deprovision+user"
    assert invocation.flags == {"force"}


def test_the_last_of_several_verbs_wins_and_flags_may_stand_anywhere() -> None:
    invocation = legacy.parse(["-verbose", "-start", "-daemon", "-force"])
    assert invocation.verb.word == "daemon"
    assert invocation.flags == {"verbose", "force"}


def test_no_argument_and_empty_arguments_mean_help() -> None:
    assert legacy.parse([]).verb.word == "help"
    assert legacy.parse([""]).verb.word == "help"


@pytest.mark.parametrize("word", ["-usage", "-?", "-help"])
def test_all_spellings_of_help_are_help(word: str) -> None:
    assert legacy.parse([word]).verb.word == "help"


@pytest.mark.parametrize("word", ["-versionX", "-deamon", "-setup-firewall", "-setup-firewall=1.2", "-configuration-path=/x"])
def test_an_argument_that_means_nothing_is_refused_by_name(word: str) -> None:
    with pytest.raises(legacy.UsageError, match=word.split("=")[0]):
        legacy.parse([word])


def test_the_configuration_path_and_the_firewall_address_are_taken() -> None:
    assert legacy.parse(["-configuration-path:/etc/other.conf", "-daemon"]).configuration_path == "/etc/other.conf"
    assert legacy.parse(["-setup-firewall=168.63.129.16"]).firewall_address == "168.63.129.16"


def test_the_help_text_lists_every_verb_and_flag() -> None:
    text = legacy.usage("waagent")
    assert text.startswith("\nusage: waagent")
    for word in [verb.word for verb in legacy.VERBS] + list(legacy.FLAGS):
        assert f"-{word}" in text


@pytest.mark.parametrize("words", [["--destdir=/tmp/x"], ["--destdir", "/tmp/x"], ["-destdir:/tmp/x"]])
def test_a_packager_says_where_the_files_go(words: list[str]) -> None:
    invocation = legacy.parse(["-register-service", *words, "--lnx-distro=rhel", "--lnx-distro-version=9.4"])
    assert invocation.verb.word == "register-service"
    assert invocation.option("destdir") == "/tmp/x"
    assert (invocation.option("lnx-distro"), invocation.option("lnx-distro-version")) == ("rhel", "9.4")
    assert invocation.option("lnx-distro-fullname") is None


@pytest.mark.parametrize("words", [["--destdir"], ["--destdir="]])
def test_an_option_without_its_value_is_refused(words: list[str]) -> None:
    with pytest.raises(legacy.UsageError, match="--destdir needs a value"):
        legacy.parse(["-register-service", *words])
