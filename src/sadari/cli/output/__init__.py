"""What a user sees: progress, tables and JSON documents, shared by all commands."""
