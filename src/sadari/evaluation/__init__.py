"""How good are a model's predictions, and how sure is that? Metrics, statistics and their sentences; no torch."""
