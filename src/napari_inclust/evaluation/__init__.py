"""How good predictions are: metrics, baselines, conformal intervals, autocorrelation, reliability of cells."""
