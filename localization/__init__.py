"""Languages, and how money, numbers, days and times are written. What mails and pages share."""
