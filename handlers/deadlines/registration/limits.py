"""How often one person may hand in."""

from bot.limits import Limit

HANDED_IN = Limit("registration", 60, minutes=60)
"""Versions from one contact: a whole office's work in a morning, not a flood."""
