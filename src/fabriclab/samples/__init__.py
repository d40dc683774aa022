"""Extension handlers to publish: directories of shell scripts, and what packs them. Nothing of it runs on this side."""
