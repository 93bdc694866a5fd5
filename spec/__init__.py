"""What must hold: every formula of the primer as data, and the cases drawn from it.

Nothing here imports an implementation, nor the reference. `formulas/*.toml` is the data, `schema` its types,
`loader` reads and checks it, `shapes` the symbolic shapes, `dtypes` the number formats, `cases` the numbers that
formulas are tried on, `given` a case of any others, `selection` a part of the spec to run, `primer` the table of
contents and what became of it. `packs` are formulas from outside, `imported` the code that these import.
"""

from nnparity.spec.cases.case import Case, cases_of
from nnparity.spec.dtypes import DTYPES, Dtype
from nnparity.spec.loader import SpecError, digest, load
from nnparity.spec.schema import Formula, Signature

__all__ = ["DTYPES", "Case", "Dtype", "Formula", "Signature", "SpecError", "cases_of", "digest", "load"]
