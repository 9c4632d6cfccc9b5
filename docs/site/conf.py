"""The settings of the site; `docs/build_site.py` makes the source that they are for."""

import stepwrap

project = "stepwrap"
author = "The stepwrap developers"
version = release = stepwrap.__version__
project_copyright = f"{author}, MIT licence"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # puts MathJax and its fonts beside the pages
    "sphinx_copybutton",
    "sphinx_design",
    "building.docstrings",
]
root_doc = "index"
highlight_language = "text"

# Formulas are `$...$` and `{math}` blocks; headings are anchors, as on other sites with Markdown.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # every docstring says what an argument may be, in words
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_display_short_literal_types = True
add_module_names = False

# Every reference has to lead somewhere. Names of Keras are code in the docstrings, no references:
# no inventory of its pages is at hand where there is no network.
nitpicky = True

html_theme = "furo"
html_title = "stepwrap"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["gallery.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = "$ "
