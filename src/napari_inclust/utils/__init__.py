"""Tools without any biology: progress, threads, device, principal components, attention weights, provenance."""
