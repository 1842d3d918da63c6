"""What each fault of a channel server leads to, and the page of docs that says so."""
