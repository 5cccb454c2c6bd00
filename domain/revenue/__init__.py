"""What subscriptions are worth: annual amounts, their movements, and how trials, recoveries and ends come out."""
