"""How is Sadari measured beside its peers? What all of them compute, who takes part, what came of it, and the page."""
