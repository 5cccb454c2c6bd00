"""What a hundred thousand, a million and ten million subscriptions cost, from what was measured of few."""
