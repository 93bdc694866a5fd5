"""The page as a reader meets it, in a browser without a window: skipped where Playwright or Chromium is not installed.

With NNPARITY_PAGE=.../parity.html the same tests are run on the page of a run of one's own.
"""
