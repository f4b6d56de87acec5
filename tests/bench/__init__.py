"""How fast the service is beside a bare echo bot, measured in one run on one machine."""
