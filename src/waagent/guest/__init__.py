"""How an operating system family does things: values that name tools and places, and pure functions that give actions.

Nothing outside this package asks which family it runs on (guest.md 9).
"""
