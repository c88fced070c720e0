"""Which images show the same photograph, although their bytes and pixels differ? Saved again, resized, brightened."""
