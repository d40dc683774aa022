import pytest

from waagent.daemon.pidfile import is_agent


@pytest.mark.parametrize(
    "command_line",
    [
        "/usr/bin/python3 -u /usr/sbin/waagent -daemon",
        "python3 /usr/sbin/waagent --daemon",
        "python3 -u bin/WALinuxAgent-2.11.1.4-py3.9.egg -run-exthandlers",
    ],
)
def test_a_daemon_and_a_goal_state_agent_are_agents(command_line: str) -> None:
    assert is_agent(command_line)


@pytest.mark.parametrize(
    "command_line", ["", "/usr/sbin/sshd -D", "vim /usr/sbin/waagent", "python3 /usr/sbin/waagent -version", "tail -daemon"]
)
def test_a_recycled_pid_is_no_agent(command_line: str) -> None:
    assert not is_agent(command_line)
