"""A crowd of subscriptions with a year behind them: made by the product's own code, at times that lie in the past."""
