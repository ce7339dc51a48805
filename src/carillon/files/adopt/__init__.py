"""Adoption: the contacts, history and campaigns of an older scheduler's database become ours, in place.

words      what its words mean: types, statuses, flags
events     which event an email was about that does not say
people     contacts, tidied like an import's
history    old emails: which of them left, and whose identity each has
campaigns  old types, instances and targets
signs      clicks, answers and unsubscriptions
run        all of it in order; it and `place` alone touch the store
"""
