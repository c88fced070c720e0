"""What do many arms show together? Seed variances that are borrowed, the winner, and letters for many arms."""
