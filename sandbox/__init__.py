"""The embedded stack: real servers, a simulated Stripe and a mailbox on loopback. Production never imports it."""
