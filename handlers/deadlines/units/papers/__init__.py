"""The office's list of units as a spreadsheet: read, imported, its empty form, the invitations."""
