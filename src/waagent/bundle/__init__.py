"""The bundle of logs that support gets (extensions.md 9.6): gathered by a process of its own, within limits, redacted."""
