"""The daemon: the process around the runtime. Its parts are wired together in `mooring.daemon.app` alone."""
