"""Contacts: the list, the import of lists, and one contact.

listing   /contacts, searched, filtered and paged by the database
wizard    /contacts/import                       forms    a contact added and edited
person    /contacts/{id}: what it is made of     deeds    what can be done with one
year      its calendar with the explanations     story    what happened, the newest first
"""

# The order counts: /contacts/import is no contact's id.
from carillon.web.pages.contacts import listing, wizard, person  # noqa: I001

__all__ = ["listing", "person", "wizard"]
