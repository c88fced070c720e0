"""How are images decoded once, or on demand? The door is `provide.provide`."""
