"""The one door to this machine: actions as data, ports for conversations."""
