"""Who holds a folder or an unfinished file?"""
