"""Making a generalized image into the VM that the provisioning document describes (guest.md 1 to 3)."""
