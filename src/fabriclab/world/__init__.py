"""The fabric's truth about one VM, and the events that change it: world + event → world, pure."""
