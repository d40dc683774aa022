"""One module per family; each holds only the differences from ``profile.Guest``'s defaults (guest.md 9.2 and 9.3)."""
