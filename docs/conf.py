"""Sphinx configuration of the documentation site (`make docs`)."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "spinsculpt"
author = "The spinsculpt developers"
copyright = "The spinsculpt developers"
release = version = installed("spinsculpt")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "generated",
]
exclude_patterns = ["_build", "_extensions", "jupyter_execute"]
source_suffix = {".md": "myst-nb"}
nb_execution_mode = "force"  # a tutorial shows what the code of today does
nb_execution_raise_on_error = True
nb_execution_timeout = 180
html_theme = "furo"
html_title = f"spinsculpt {version}"
html_static_path = []
html_theme_options = {"top_of_page_buttons": []}

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
