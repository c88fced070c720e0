"""What is each layer: its text (tokens, specs), its shape, and the torch module that computes it?"""
