"""Which functions does Python offer? Those of the command line; they return values and frames.

Each function imports its room when it is first called, so that `load` does not wait for torch.
"""
