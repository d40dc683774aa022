"""/etc/waagent.conf: one table of settings, and what is derived from it (guest.md 7)."""
