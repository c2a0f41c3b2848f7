"""Imputed genes: base predictors on a trained model, stacking, rescaling, reliability, runs."""
