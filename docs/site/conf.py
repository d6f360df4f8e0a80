"""Settings of Sphinx for the documentation site; ``docs/site/build.py`` puts the pages together and calls it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for the two extensions that build.py copies beside this file

import hetero_xmodal

project = "hetero_xmodal"
author = "the hetero_xmodal developers"
copyright = "the hetero_xmodal developers, Apache-2.0"
version = release = hetero_xmodal.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "docstrings",
    "mathml",
]
root_doc = "index"
exclude_patterns = ["*.py"]
suppress_warnings = [
    "myst.header",  # notebooks may begin below the first level
    "myst.xref_missing",  # links to source files, which build.py has not turned into pages
    "mystnb.unknown_mime_type",
]

myst_enable_extensions = ["amsmath", "dollarmath", "attrs_inline", "colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the stored outputs are shown; tests run every notebook
nb_merge_streams = True

templates_path = ["templates"]
autosummary_generate = True
autodoc_typehints = "none"  # docstrings describe parameters; signatures stay short
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
napoleon_use_ivar = True
add_module_names = False
toc_object_entries = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = "hetero_xmodal"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "navigation_depth": 3,
    "header_links_before_dropdown": 6,
    "show_nav_level": 1,
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "back_to_top_button": True,
}
html_sidebars = {"index": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
