"""The quality report as one HTML page: no scripts, no links to elsewhere, light and dark, every value escaped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from ecommerce_dwh.contracts import SourceContract
from ecommerce_dwh.ledger import ROWS
from ecommerce_dwh.privacy.masking import PRIVACY_MARK
from ecommerce_dwh_glue.quality.page_style import STYLE

_TITLES = {
    "passed": "Quality passed",
    "warned": "Quality passed with warnings",
    "failed": "Quality failed: the gate is closed",
}
_TO_DO = (
    "<p><b>What to do.</b> Nothing of this run was loaded; analytics show the day before.</p><ul>"
    "<li><b>The delivery is wrong:</b> have the file corrected and put in place of the old one, then trigger "
    "<code>ecommerce_dwh_replay</code> for the day without <em>Dry run</em>.</li>"
    "<li><b>The rule is too strict:</b> change it in <code>include/sources</code>, deploy, and clear "
    "<code>process_data</code> of the run with downstream.</li>"
    "<li><b>The data must go out as it is:</b> run the day with <code>gate_override_reason</code>.</li></ul>"
)


# Rules that the banner lists.
_MOST_LISTED = 8
# Objects that the page names; `report.json` has up to a thousand.
_MOST_NOT_LOADED = 100


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _number(value: float) -> str:
    return f"{value:,}"


def _cell(content: str, numeric: bool = False) -> str:
    return f"<td class=n>{content}</td>" if numeric else f"<td>{content}</td>"


def _table(head: Iterable[tuple[str, bool]], rows: Iterable[str]) -> str:
    cells = "".join(
        f"<th scope=col{' class=n' if numeric else ''}>{escape(text)}</th>" for text, numeric in head
    )
    return (
        f"<div class=scroll><table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _state(rule: Mapping[str, Any]) -> str:
    if not rule["judged"]:
        return "unjudged"
    if rule["passed"]:
        return "passed"
    return "failed" if rule["severity"] == "error" else "warned"


def _bar(rule: Mapping[str, Any]) -> str:
    """Failing share against the threshold; the scale ends at twice the larger of both."""
    ratio, threshold = rule["failed_ratio"], rule["threshold"]
    if not ratio:
        return ""
    scale = max(ratio, threshold) * (2 if threshold > ratio else 1.25)
    mark = f"<u style='left:{100 * threshold / scale:.1f}%'></u>" if threshold else ""
    return f"<div class='bar {_state(rule)}'><i style='width:{100 * ratio / scale:.1f}%'></i>{mark}</div>"


def _rule_row(rule: Mapping[str, Any]) -> str:
    state = _state(rule)
    word = {"passed": "passed", "warned": "warning", "failed": "failed", "unjudged": "not judged"}[state]
    tone = {"warned": " w", "unjudged": " u"}.get(state, "")
    message = f"<div class='msg{tone}'>{escape(rule['message'])}</div>" if rule["message"] else ""
    samples = _range(rule)
    if rule["samples"]:
        keys = ", ".join(f"<code>{escape(str(key)[:80])}</code>" for key in rule["samples"])
        samples += f"<details><summary>{len(rule['samples'])} of these rows</summary>{keys}</details>"
    threshold = f"{rule['threshold']:.2%}" if rule["threshold"] else "0"
    return (
        "<tr>"
        + "".join(
            (
                _cell(f"<span class='pill {state}'>{word}</span>"),
                f"<td class=rule><b>{escape(rule['rule'])}</b><span>{escape(rule['description'])}</span>"
                f"{message}{samples}</td>",
                _cell(escape(rule["dimension"])),
                _cell(escape(rule["severity"])),
                _cell(_count(rule["rows_checked"], rule["unit"]), True),
                _cell(_count(rule["rows_failed"], rule["unit"]), True),
                f"<td class=n>{rule['failed_ratio']:.2%}{_bar(rule)}</td>",
                _cell(threshold, True),
            )
        )
        + "</tr>"
    )


def _count(value: int, unit: str) -> str:
    if unit == "rows":
        return _number(value)
    return f"{_number(value)} {unit if value != 1 else unit.removesuffix('s')}"


def _range(rule: Mapping[str, Any]) -> str:
    """The measured figure of a history rule, drawn over the usual range."""
    found = rule.get("history")
    if not found or found["value"] is None or found["low"] is None:
        return ""
    value, low, high = found["value"], found["low"], found["high"]
    first, last = min(low, value), max(high, value)
    reach = (last - first) or 1.0

    def place(figure: float) -> float:
        return 2 + 96 * (figure - first) / reach

    words = escape(
        f"{found['day']}: {value:,.6g}; usual {low:,.6g} to {high:,.6g}, median {found['median']:,.6g}",
        quote=True,
    )
    return (
        f"<div class='range {_state(rule)}' role=img aria-label='{words}' title='{words}'>"
        f"<s style='left:{place(low):.1f}%;width:{place(high) - place(low):.1f}%'></s>"
        f"<u style='left:{place(found['median']):.1f}%'></u><i style='left:{place(value):.1f}%'></i></div>"
        f"<span class=soft>{words}</span>"
    )


def _rules(table: Mapping[str, Any]) -> str:
    order = {"failed": 0, "warned": 1, "unjudged": 2, "passed": 3}
    rules = sorted(table["rules"], key=lambda rule: order[_state(rule)])
    broken = sum(not rule["passed"] for rule in rules)
    words = f"{_number(table['rows'])} rows, {len(rules)} rules, {broken} not passed"
    head = (
        ("State", False),
        ("Rule", False),
        ("Dimension", False),
        ("Severity", False),
        ("Checked", True),
        ("Failed", True),
        ("Share", True),
        ("Allowed", True),
    )
    title = f"<h2 id='{escape(table['source'])}'>{escape(table['source'])} <small>{words}</small></h2>"
    return title + _table(head, map(_rule_row, rules))


def _spark(days: list[tuple[str, int, int]], source: str) -> str:
    """Raw rows per day as bars, the quarantined part in red."""
    top, width = max((raw for _, raw, _ in days), default=0) or 1, 1000 / max(len(days), 1)
    bars = []
    for index, (day, raw, bad) in enumerate(days):
        high, low = 44 * raw / top, 44 * bad / top
        left, wide = index * width, max(width * 0.8, 0.5)
        bars.append(
            f"<g><title>{escape(day)}: {_number(raw)} rows, {_number(bad)} quarantined</title>"
            f"<rect class=a x={left:.1f} y={45 - high:.1f} width={wide:.1f} height={high:.1f} />"
            f"<rect class=q x={left:.1f} y={45 - low:.1f} width={wide:.1f} height={low:.1f} /></g>"
        )
    label = escape(f"Rows of {source} per day", quote=True)
    return f"<svg viewBox='0 0 1000 46' preserveAspectRatio=none role=img aria-label='{label}'>{''.join(bars)}</svg>"


def _ledger(report: Mapping[str, Any]) -> str:
    totals: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ROWS, 0))
    by_day: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for entry in report["ledger"]:
        for field in ROWS:
            totals[entry["source"]][field] += entry[field]
        by_day[entry["source"]].append((entry["delivery_date"], entry["raw_rows"], entry["quarantined_rows"]))
    several = report["start_date"] != report["end_date"]
    rows = []
    for source, total in totals.items():
        chart = _cell(_spark(by_day[source], source)) if several else ""
        cells = "".join(_cell(_number(total[field]), True) for field in ROWS)
        rows.append(f"<tr><td><b>{escape(source)}</b></td>{cells}{chart}</tr>")
    head = [("Source", False), ("Raw", True), ("Accepted", True), ("Superseded", True), ("Quarantined", True)]
    if several:
        head.append(("Rows per day, quarantined in red", False))
    note = "<small>raw = accepted + superseded + quarantined, for every source and day</small>"
    return f"<h2>Where each row went {note}</h2>" + _table(head, rows)


def _quarantine(report: Mapping[str, Any]) -> str:
    title = "<h2>Quarantine <small>rejected rows by rule; each can be replayed after a fix</small></h2>"
    if not report["quarantine"]:
        return f"{title}<div class='scroll empty'>No row was rejected.</div>"
    rows = []
    for entry in report["quarantine"]:
        samples = "".join(
            f"<div><code>{escape(sample['source_file'])}:{sample['source_line']}</code> "
            f"<span class=soft>{escape(sample['message'] or '')}</span></div>"
            for sample in entry["samples"]
        )
        rows.append(
            f"<tr><td>{escape(entry['source'])}</td><td><b>{escape(entry['rule'])}</b></td>"
            f"{_cell(_number(entry['rows']), True)}<td>{samples}</td></tr>"
        )
    return title + _table((("Source", False), ("Rule", False), ("Rows", True), ("First rows", False)), rows)


def _drift(report: Mapping[str, Any]) -> str:
    if not report.get("drift"):
        return ""
    rows = [
        f"<tr><td>{escape(item['source'])}</td><td><code>{escape(item['column'])}</code></td>"
        f"<td>{escape(item['kind'])}</td>{_cell(_number(item['file_count']), True)}</tr>"
        for item in report["drift"]
    ]
    return "<h2>Columns that differ from the contract</h2>" + _table(
        (("Source", False), ("Column", False), ("What", False), ("Files", True)), rows
    )


def _not_loaded(report: Mapping[str, Any]) -> str:
    found, count = report.get("not_loaded") or [], report.get("not_loaded_count") or 0
    if not found:
        return ""
    rows = [
        f"<tr><td><code>{escape(item['key'])}</code></td>{_cell(_number(item['size']), True)}"
        f"<td>{escape(item['reason'])}</td></tr>"
        for item in found[:_MOST_NOT_LOADED]
    ]
    more = max(count, len(found)) - len(rows)
    rest = f"<p class=meta>and {_number(more)} more, which the raw bucket has</p>" if more else ""
    title = (
        "<h2 id=not-loaded>Not loaded <small>objects of the raw bucket that lie where no file is loaded; "
        "none of their rows is in the figures above</small></h2>"
    )
    head = (("Object", False), ("Bytes", True), ("Why, and what to do", False))
    return f"{title}{_table(head, rows)}{rest}"


def _banner(report: Mapping[str, Any], window: str) -> str:
    """The verdict, what led to it, and what to do when the gate is closed."""
    rules = [(table["source"], rule) for table in report["tables"] for rule in table["rules"]]
    broken = [(source, rule) for source, rule in rules if not rule["passed"]]
    errors = sum(rule["severity"] == "error" for _, rule in broken)
    unjudged = sum(not rule["judged"] for _, rule in rules)
    lead = (
        f"{_plural(errors, 'error')} and {_plural(len(broken) - errors, 'warning')} among {len(rules)} rules."
        if broken
        else f"All {len(rules) - unjudged} rules passed."
    )
    if unjudged:
        lead += f" {_plural(unjudged, 'rule')} against history could not be judged yet."
    worst = sorted(broken, key=lambda found: found[1]["severity"] != "error")
    listed = "".join(
        f"<li><a href='#{escape(source)}'>{escape(source)}.{escape(rule['rule'])}</a> "
        f"<span class=soft>{escape(rule['severity'])}</span>: {escape(rule['message'])}</li>"
        for source, rule in worst[:_MOST_LISTED]
    )
    if len(worst) > _MOST_LISTED:
        listed += f"<li>and {len(worst) - _MOST_LISTED} more</li>"
    status = report["status"]
    return (
        f"<header class='banner {escape(status)}'><h1>{escape(_TITLES[status])} · {escape(window)}</h1>"
        f"<p>{escape(lead)}</p>{f'<ul>{listed}</ul>' if listed else ''}"
        f"{_TO_DO if status == 'failed' else ''}</header>"
    )


def _cards(report: Mapping[str, Any]) -> str:
    """Rows of the window by where they went."""
    labels = ("rows delivered", "accepted", "superseded by a newer version", "quarantined")
    cards = "".join(
        f"<div class=card><b>{_number(sum(entry[field] for entry in report['ledger']))}</b>"
        f"<span>{label}</span></div>"
        for field, label in zip(ROWS, labels, strict=True)
    )
    return f"<section class=cards>{cards}</section>"


def _urgency(table: Mapping[str, Any]) -> int:
    """0 for a table with a failed rule, 1 with a warning, 2 without either."""
    return min(
        (0 if _state(rule) == "failed" else 1 if not rule["passed"] else 2 for rule in table["rules"]),
        default=2,
    )


def html_page(report: Mapping[str, Any], contracts: Mapping[str, SourceContract]) -> str:
    """The report as a page that reads without network or scripts.

    Args:
        report: the report as in docs/architecture.md.
        contracts: contracts by source, for the owners to ask.
    """
    window = report["end_date"]
    if report["start_date"] != report["end_date"]:
        window = f"{report['start_date']} … {report['end_date']}"
    tables = sorted(report["tables"], key=_urgency)
    # Tables with failed rules come first, all others behind the ledger.
    urgent = sum(_urgency(table) < 2 for table in tables)
    owners = ", ".join(sorted({contract.owner for contract in contracts.values() if contract.owner}))
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        # Readers serve a page only when it says that nothing in it is personal.
        f"{PRIVACY_MARK}"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(_TITLES[report['status']])}: {escape(window)}</title><style>{STYLE}</style></head>"
        f"<body><main>{_banner(report, window)}"
        f"<p class=meta>Run {escape(report['run_id'])} · written {escape(report['generated_at'])}"
        f"{' · questions to ' + escape(owners) if owners else ''}</p>"
        f"{_cards(report)}{''.join(map(_rules, tables[:urgent]))}{_ledger(report)}"
        f"{''.join(map(_rules, tables[urgent:]))}{_quarantine(report)}{_drift(report)}{_not_loaded(report)}"
        "</main></body></html>\n"
    )
