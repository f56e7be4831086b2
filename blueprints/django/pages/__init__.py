"""The pages of the site, and what they keep in the database."""
