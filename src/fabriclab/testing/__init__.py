"""The lab in the tests of others: two fixtures for pytest, `fabric` and `guest`."""
