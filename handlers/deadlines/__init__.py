"""Units, their calendar of deadlines, what they hand in, and the reminders that go before."""
