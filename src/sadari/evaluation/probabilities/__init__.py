"""What is a probability worth? Whether it is right, how it is made right, and which classes it leaves open."""
