"""The composition root: the only room that knows which gateway stands behind which port."""
