"""How is Sadari measured beside its peers? What everybody computes, who takes part, what came of it, and the page."""
