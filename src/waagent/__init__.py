"""The Azure Linux agent. Nothing is imported here, so that a verb pays only for what it uses."""

__version__ = "3.0.0.0"
