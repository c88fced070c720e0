"""Sends a run to trackers while it trains: MLflow, W&B, Trackio, TensorBoard, by one small protocol."""
