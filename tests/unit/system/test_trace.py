from __future__ import annotations

from waagent.model.secret import Secret
from waagent.system import action as a
from waagent.system.trace import lines


def test_every_action_is_one_numbered_line_without_secrets() -> None:
    plan = (
        a.WriteFile("/f", Secret("hush"), mode=0o600, owner="me", check=("visudo", "-c", "-f", "{}"), why="let me in"),
        a.WriteFile("/g", b"123"),
        a.WriteThrough("/sys/a", b"300"),
        a.MakeDirectory("/d", mode=0o700, owner="me"),
        a.MakeDirectory("/e"),
        a.Remove("/x*"),
        a.EmptyDirectory("/cache"),
        a.Rename("/a", "/b"),
        a.Symlink("/l", "../t"),
        a.SetMode("/f", 0o4755),
        a.SetOwner("/f", "me"),
        a.Run(("usermod", "-p", "a b"), stdin=Secret("hush"), unless="/done"),
        a.Run(("curl", "https://h/p?a=1&sig=hush&b=2\nx"), stdin=b"12"),
    )
    assert lines(plan) == (
        "1. write /f (secret, mode 0600, owner me, checked by visudo -c -f '{}') (in order to let me in)",
        "2. write /g (3 bytes)",
        "3. write into /sys/a (3 bytes)",
        "4. make directory /d (mode 0700, owner me)",
        "5. make directory /e",
        "6. remove /x*",
        "7. empty directory /cache",
        "8. rename /a to /b",
        "9. link /l to ../t",
        "10. set mode of /f to 4755",
        "11. set owner of /f to me",
        "12. run usermod -p 'a b' (stdin: secret) (unless /done exists)",
        "13. run curl 'https://h/p?<redacted>\\nx' (stdin: 2 bytes)",
    )
