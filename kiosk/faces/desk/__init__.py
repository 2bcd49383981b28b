"""What is done to a person's record, for staff and for the person.

Enrol, list, show and erase so far, each on messages of `kiosk.link`; the desk is handed everything
that sees, stores or pays, and owns the order in which they are asked.
"""
