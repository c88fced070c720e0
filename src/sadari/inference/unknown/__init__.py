"""Does an image show one of the classes that a model knows, and what does a run store to say so?"""
