"""The supervisor behind make up: one host, nothing installed outside the checkout."""
