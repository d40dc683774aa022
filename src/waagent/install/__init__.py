"""Installing from source: which file goes where on each system, laid and taken away (guest.md 10)."""
