"""The service killed under load: what was lost, doubled, left unanswered or put out of order."""
