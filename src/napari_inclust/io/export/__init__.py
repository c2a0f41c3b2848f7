"""Results for other tools: CELLxGENE, QuPath, Vitessce, Xenium Explorer."""
