"""The web side: subscribers, push devices and call records in Postgres, and the pages to look after them."""
