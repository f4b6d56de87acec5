"""Units and clusters: imported, found, and the people who answer for them."""
