"""RDMA: the driver that fits the firmware, and the addresses of the devices (guest.md 6.6)."""
