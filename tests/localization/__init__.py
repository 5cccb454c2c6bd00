"""The languages of mails and pages."""
