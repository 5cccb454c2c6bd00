"""A small product on Tenure: images, social profiles and posts, each by plan. README.md shows it at work."""
