"""How is a result shown? Data first, ink second."""
