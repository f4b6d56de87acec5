"""Public pages of good deeds, and the rooms that open by a link."""
