"""Who signs in to the pages. An account is a person at a browser; a subscriber is a person at a phone."""
