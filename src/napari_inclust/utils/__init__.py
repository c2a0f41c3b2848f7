"""Tools without any biology: settings, progress, threads, device, principal components, attention weights, provenance."""
