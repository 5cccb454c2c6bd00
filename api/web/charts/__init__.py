"""Charts as markup, from figures alone: SVG, and a table for cohorts."""
