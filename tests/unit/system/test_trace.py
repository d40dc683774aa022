from __future__ import annotations

from waagent.model.secret import Secret
from waagent.system import action as a
from waagent.system.trace import lines


def test_every_action_is_one_numbered_line_without_secrets() -> None:
    plan = (
        a.WriteFile("/f", Secret("hush"), mode=0o600, owner="me", check=("visudo", "-c", "-f", "{}"), why="let me in"),
        a.WriteFile("/g", b"123"),
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
        "3. make directory /d (mode 0700, owner me)",
        "4. make directory /e",
        "5. remove /x*",
        "6. empty directory /cache",
        "7. rename /a to /b",
        "8. link /l to ../t",
        "9. set mode of /f to 4755",
        "10. set owner of /f to me",
        "11. run usermod -p 'a b' (stdin: secret) (unless /done exists)",
        "12. run curl 'https://h/p?<redacted>\\nx' (stdin: 2 bytes)",
    )
