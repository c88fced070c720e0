"""Sends finished runs to tools that store experiments, such as MLflow."""
