"""The command line: the first that is loaded, and so the place where what is never used is kept from being loaded."""

from waagent.cli import postponed

for _name in postponed.NAMES:
    postponed.postpone(_name)
