"""Domain-independent tools: settings, progress, threads, device, PCA, communities, attention, provenance, text."""
