"""What did a person decide about images of a set? A small CSV beside it, which every later command honours."""
