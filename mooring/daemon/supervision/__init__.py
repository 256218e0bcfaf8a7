"""Who keeps the daemon running: launchd, systemd, or nobody, where it is a plain child of what started it."""
