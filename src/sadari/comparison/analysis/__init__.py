"""What a comparison finds besides its verdicts: curves, a diagnosis of each arm, and how robust the arms are."""
