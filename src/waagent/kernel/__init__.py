"""What the kernel is told: disk timeouts, entropy, boot options, drivers (guest.md 6.1 to 6.4)."""
