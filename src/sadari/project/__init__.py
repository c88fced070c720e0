"""What does a whole project consist of? A file under git with comparisons, searches and exports, worked through."""
