"""`tickline data check`: what a price file, or a folder that was downloaded, holds and lacks."""

from services.research.check.downloaded import check_folder
from services.research.check.price_file import Checked, check_file

__all__ = ["Checked", "check_file", "check_folder"]
