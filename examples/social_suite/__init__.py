"""A small product on Tenure: images, social profiles and posts, limited by plan. README.md shows it in use."""
