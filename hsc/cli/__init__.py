"""The command line ``hsc``; :func:`hsc.cli.main.run` is its entry point."""
