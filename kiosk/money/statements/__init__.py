"""Statements of the restaurant's own account, as CSV or ISO 20022 camt.053.

A statement proves that something was paid and never that something was not: the line may come
tomorrow. What is read here is reduced to lines that name a reference of ours before it goes
anywhere; the text of a line may hold a customer's name and stays where it was read.
"""
