"""Providers whose hosts keep files, not git: which version there is, which files it has, and getting them."""

from .ckan import CkanClient
from .dataverse import DataverseClient
from .downloads import RecordLimits
from .figshare import FigshareClient
from .hydroshare import HydroShareClient
from .imports import RecordHost, RecordImporter
from .listings import RecordClient
from .zenodo import ZenodoClient

__all__ = [
    "CkanClient",
    "DataverseClient",
    "FigshareClient",
    "HydroShareClient",
    "RecordClient",
    "RecordHost",
    "RecordImporter",
    "RecordLimits",
    "ZenodoClient",
]
