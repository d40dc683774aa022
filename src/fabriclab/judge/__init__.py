"""Judging an extension handler: linting its package, and living its whole life in a guest."""
