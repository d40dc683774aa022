"""The vocabulary: frozen values and the failure tree. No I/O and no clock in this package."""
