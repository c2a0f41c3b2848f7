"""Results written completely or not at all."""
