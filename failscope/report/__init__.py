"""One review in one page, for those who were not there: figures, HTML and Markdown."""
