"""What the fabric says: world → bytes, written from the protocol description alone."""
