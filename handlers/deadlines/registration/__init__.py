"""What a unit hands in for a deadline, in chat, in a spreadsheet or on a page; and the answer."""
