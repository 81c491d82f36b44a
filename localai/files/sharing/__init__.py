"""Copies for others: the picture alone, sheets of many, archives made while they are read."""
