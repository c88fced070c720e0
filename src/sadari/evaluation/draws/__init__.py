"""What if something else is drawn too, such as groups of images?"""
