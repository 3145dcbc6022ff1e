"""The user's own rows of instance types, and what makes them: what EC2 describes, as rows."""
