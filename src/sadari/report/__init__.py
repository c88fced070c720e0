"""How is a result shown? First what stands there as values, then its drawing: one HTML page, and plots."""
