"""Receipts: one model made from the journal's facts, drawn as text, as a PDF or on paper."""
