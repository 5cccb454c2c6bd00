"""The same life as others would build it, beside Tenure's."""
