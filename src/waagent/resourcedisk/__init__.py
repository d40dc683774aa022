"""The temporary disk of the VM and the swap file on it (guest.md 4)."""
