"""Reminders: the ladder, the ledger it fills, the messages it becomes, and what became of them."""
