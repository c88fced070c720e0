"""How does a finished network answer soonest? In a form that is prepared once: folded, fused, and packed."""
