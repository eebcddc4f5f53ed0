"""The documentation as a site: `make docs` builds it, and a warning or a broken link is an error.

Nothing is fetched: fonts, scripts and the search come with the theme. Every block of code is run by
python/tests/test_docs.py; the reference is made from the docstrings, whose examples run there too.
"""

import re
from pathlib import Path
from typing import Any

from theus import __version__

project = "Theus"
author = project_copyright = "Theus contributors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}

myst_heading_anchors = 3
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
add_module_names = False
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # an attribute that is described twice is no error then

html_theme = "furo"
html_title = f"Theus {release}"
html_copy_source = False

_OUTSIDE = re.compile(r"\[([^\]]*)\]\((\.\./[^)\s]+)\)")


def read(app: Any, docname: str, source: list[str]) -> None:
    """Fit a page that is also read in the checkout into the site.

    A link to a file that is no page, such as a README, becomes its text where the file exists. What
    the index forgot to list stands at its end, so that no page is lost.
    """
    here, pages = Path(app.env.doc2path(docname)).parent, Path(app.srcdir)

    def beside(link: re.Match[str]) -> str:
        target = (here / link[2]).resolve()
        return link[1] if target.exists() and not target.is_relative_to(pages) else link[0]

    source[0] = _OUTSIDE.sub(beside, source[0])
    if docname == "index":
        names = sorted(page.stem for page in pages.glob("*.md"))
        rest = [name for name in names if name != "index" and f"\n{name}\n" not in source[0]]
        tree = ("```{toctree}", ":caption: More", ":maxdepth: 1", "", *rest, "```", "")
        source[0] += "\n" + "\n".join(tree) if rest else ""


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", read)
