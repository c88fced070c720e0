"""Which model is better on several data sets? One comparison a set, then one table and one verdict across them."""
