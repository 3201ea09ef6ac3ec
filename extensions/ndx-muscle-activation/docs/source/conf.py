"""Sphinx settings of the pages of the specification, as in ndx-template."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # for conf_doc_autogen, which hdmf-docutils imports

project = "ndx-muscle-activation"
author = copyright = "The nwb-autolfads developers"
version = release = version_of(project)
extensions = ["sphinx.ext.intersphinx"]
intersphinx_mapping = {"core": ("https://nwb-schema.readthedocs.io/en/latest/", None)}
html_theme = "sphinx_rtd_theme"
numfig = True
# Types of core and hdmf-common are links to the pages of core, which a machine without network does not have.
suppress_warnings = ["ref.ref", "intersphinx.external"]


def make_sources(_app):
    """Make the pages of the types from the YAML files."""
    from hdmf_docutils.generate_format_docs import main

    main()


def setup(app):
    """Have the sources made before they are read."""
    app.connect("builder-inited", make_sources)
