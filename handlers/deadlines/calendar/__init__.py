"""The office's calendar: templates, the year's own dates, moves, preview and arming."""
