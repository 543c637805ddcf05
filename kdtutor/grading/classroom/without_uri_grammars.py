"""Imported first in the process that the graders fork from: jsonschema then leaves its grammars of URIs alone.

It compiles forty of them when it is imported, which takes a second, so as to check strings of that format. The schema
of notebooks has none, and jsonschema does without where the package of the grammars is not installed.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
