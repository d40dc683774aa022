"""System Center Virtual Machine Manager: its DVD is found and its agent started (guest.md 6.8)."""
