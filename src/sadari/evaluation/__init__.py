"""What does a model say about images, and how good is that?"""
