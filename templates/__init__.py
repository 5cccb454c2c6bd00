"""What people read: mails, and later pages."""
