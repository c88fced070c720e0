"""Does what somebody claims about a comparison hold?"""
