"""The same form without JavaScript, and what a receipt opens."""
