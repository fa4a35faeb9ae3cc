"""Quality rules: one module per kind, with its arguments, their validation, a sentence for people and DQDL.

The condition of a kind in Spark is the module of the same name in ``ecommerce_dwh_glue.rules``. Nothing here imports
the contracts, which are made of rules: the reader of a contract hands over the types of its columns.
"""

from ecommerce_dwh.rules.accepted_values import AcceptedValues
from ecommerce_dwh.rules.columns import Columns
from ecommerce_dwh.rules.conflicts import Conflicts
from ecommerce_dwh.rules.dqdl import NotExpressible
from ecommerce_dwh.rules.expression import Expression
from ecommerce_dwh.rules.filled import Filled
from ecommerce_dwh.rules.history import History
from ecommerce_dwh.rules.key_spelling import KeySpelling
from ecommerce_dwh.rules.kind import DIMENSIONS, Asked, RuleKind
from ecommerce_dwh.rules.max_length import MaxLength
from ecommerce_dwh.rules.not_null import NotNull
from ecommerce_dwh.rules.null_words import NullWords
from ecommerce_dwh.rules.pattern import Pattern
from ecommerce_dwh.rules.quarantine_ratio import QuarantineRatio
from ecommerce_dwh.rules.range import Range
from ecommerce_dwh.rules.referential import Referential
from ecommerce_dwh.rules.rejected_files import RejectedFiles
from ecommerce_dwh.rules.row_count import RowCount
from ecommerce_dwh.rules.rule import SEVERITIES, Rule
from ecommerce_dwh.rules.unique import Unique

# Every kind by name, in the order of the documentation.
KINDS: dict[str, RuleKind] = {
    kind.name: kind
    for kind in (
        NotNull(),
        Unique(),
        AcceptedValues(),
        Range(),
        Pattern(),
        MaxLength(),
        Expression(),
        RowCount(),
        QuarantineRatio(),
        Referential(),
        History(),
        RejectedFiles(),
        Conflicts(),
        Columns(),
        NullWords(),
        KeySpelling(),
        Filled(),
    )
}

__all__ = ["DIMENSIONS", "KINDS", "SEVERITIES", "Asked", "NotExpressible", "Rule", "RuleKind"]
