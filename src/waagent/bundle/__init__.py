"""The log bundle: what is collected for the support of the platform, and how (extensions.md 9.6)."""
