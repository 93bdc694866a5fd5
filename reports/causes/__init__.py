"""Why verdicts fail: grouped by cause, each of a class, and what the whole run comes to.

`classes` orders and explains the classes, `causes` groups verdicts, `worst` and `commands` show the worst of a cause
and how to see it again, `matrix` holds formulas against targets by class, `answer` counts what the first line says.
"""
