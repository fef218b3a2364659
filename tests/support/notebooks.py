"""The content of the repository that tests and benchmarks launch."""

import json

REQUIREMENTS = "six==1.16.0\n"

DATA = "source,flux\nA,1.5\nB,2.5\n"

_CODE = """\
import csv
import six
with open("data/fluxes.csv") as file:
    fluxes = [float(row["flux"]) for row in csv.DictReader(file)]
print(six.__version__, sum(fluxes))
"""

NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "id": "intro", "metadata": {}, "source": "# Survey"},
            {
                "cell_type": "code",
                "execution_count": None,
                "id": "total",
                "metadata": {},
                "outputs": [],
                "source": _CODE,
            },
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)
