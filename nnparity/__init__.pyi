# The types of the public API, which the module itself imports at first use.
from nnparity.adapters.base import Adapter as Adapter
from nnparity.adapters.kernel import Unsupported as Unsupported
from nnparity.adapters.kernel import composed as composed
from nnparity.adapters.kernel import kernel as kernel
from nnparity.adapters.kernel import passed as passed
from nnparity.adapters.shared.forward_only import ForwardOnly as ForwardOnly
from nnparity.api.arbitration import arbitrate as arbitrate
from nnparity.api.assertion import assert_close as assert_close
from nnparity.api.check import check as check
from nnparity.api.own_formulas import formula as formula
from nnparity.api.packs import load_pack as load_pack
from nnparity.api.tolerances import tolerance as tolerance
from nnparity.porting.port import port as port
from nnparity.spec.usage import UsageError as UsageError

__version__: str
