"""Who is how accurate on photographs after how many seconds? Cells, sets, weights, entrants, record, page."""
