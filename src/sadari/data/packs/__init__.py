"""How are images decoded once, or on demand? The entry point is `provide.provide`."""
