"""Who may become root: a sudo rule file, or doas.conf on OpenBSD (guest.md 2.6). Pure: texts in, texts or actions out."""

from __future__ import annotations

from waagent.guest.accounts import check_name
from waagent.guest.profile import Guest, PrivilegeTool
from waagent.system.action import MakeDirectory, Plan, Remove, WriteFile

DOAS_CONF = "/etc/doas.conf"


def rules_path(guest: Guest, sudoers_dir: str) -> str:
    """The file that holds our rules."""
    return DOAS_CONF if guest.privilege_tool is PrivilegeTool.DOAS else f"{sudoers_dir}/waagent"


def parent_path(sudoers_dir: str) -> str:
    """The main ``sudoers`` file beside the directory."""
    return sudoers_dir.rstrip("/").rpartition("/")[0] + "/sudoers"


def rule(name: str, with_password: bool) -> str:
    return f"{name} ALL=(ALL) ALL" if with_password else f"{name} ALL=(ALL) NOPASSWD: ALL"


def with_rule(text: str, line: str) -> str:
    """``text`` with ``line`` at its end, unless that very line is there already."""
    if line in text.splitlines():
        return text
    return text + ("\n" if text and not text.endswith("\n") else "") + line + "\n"


def without_user(text: str, name: str) -> str:
    """``text`` without the lines whose first word is ``name``: ``ann`` leaves ``joanna`` alone (trap 19)."""
    return "".join(line for line in text.splitlines(keepends=True) if line.split()[:1] != [name])


def without_doas_user(text: str, name: str) -> str:
    """The same for doas.conf, where the name is the last word of the rule."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not (line.startswith("permit ") and line.split()[-1:] == [name])
    )


def grant(
    guest: Guest,
    name: str,
    *,
    with_password: bool,
    sudoers_dir: str,
    rules: str | None,
    sudoers: str | None,
    directory_exists: bool,
    visudo: bool,
) -> Plan:
    """Let ``name`` become root, asked for a password only if it has one. Texts are None where the file is missing."""
    check_name(name)
    if guest.privilege_tool is PrivilegeTool.DOAS:
        line = f"permit keepenv {'persist' if with_password else 'nopass'} {name}"
        text = with_rule(rules if rules is not None else "permit keepenv root\n", line)
        return (
            WriteFile(
                DOAS_CONF,
                text.encode("utf-8", "surrogateescape"),
                mode=0o644,
                check=("doas", "-C", "{}"),
                why=f"let {name} use doas",
            ),
        )
    check = ("visudo", "-c", "-f", "{}") if visudo else ()
    plan: Plan = ()
    if not directory_exists:
        included = with_rule((sudoers or "").rstrip("\n") + "\n\n" if sudoers else "", f"#includedir {sudoers_dir}")
        plan = (MakeDirectory(sudoers_dir, mode=0o750, why="have a place for the sudo rule"),)
        if f"includedir {sudoers_dir}" not in (sudoers or ""):
            write = WriteFile(
                parent_path(sudoers_dir),
                included.encode("utf-8", "surrogateescape"),
                mode=0o440,
                check=check,
                why="have sudo read it",
            )
            plan = (*plan, write)
    text = with_rule(rules or "", rule(name, with_password))
    rules_file = WriteFile(
        rules_path(guest, sudoers_dir),
        text.encode("utf-8", "surrogateescape"),
        mode=0o440,
        check=check,
        why=f"let {name} use sudo",
    )
    return (*plan, rules_file)


def revoke(guest: Guest, name: str, *, sudoers_dir: str, rules: str | None) -> Plan:
    """Take the rules of ``name`` away; nothing when there are none."""
    drop = without_doas_user if guest.privilege_tool is PrivilegeTool.DOAS else without_user
    left = drop(rules or "", name)
    if rules is None or left == rules:
        return ()
    path = rules_path(guest, sudoers_dir)
    if not left.strip() and guest.privilege_tool is PrivilegeTool.SUDO:
        return (Remove(path, why=f"drop the rules of {name}"),)
    return (WriteFile(path, left.encode("utf-8", "surrogateescape"), why=f"drop the rules of {name}"),)
