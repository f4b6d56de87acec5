"""All of it seen at once: the office's morning digest, each deadline, a cluster's table."""
