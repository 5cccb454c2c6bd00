"""Several processes of each kind: what one does, none of the others does again, and what one leaves, another does."""
