"""The masked model: settings, mask plans, network, losses, batches, training loop, inference, archive."""
