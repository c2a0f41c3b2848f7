"""One file a subcommand of `inclust`."""
