"""The public pages: lists, cards, a form without JavaScript, and the way back with a receipt."""
