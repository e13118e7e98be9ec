"""The pullprod control plane: keeps versions and pointers, and makes the edge show what the ledger says."""
