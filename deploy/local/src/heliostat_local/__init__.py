"""The supervisor behind `make up`: Postgres, JupyterHub with its proxy and the three services on one host."""
