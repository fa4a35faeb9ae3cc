"""The style sheet of the report's page; a file of its own would be a second object to fetch."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a1f29;--soft:#5d6676;--line:#e2e6ec;--track:#e9edf2;
--good:#136c36;--goodbg:#e3f5e9;--warn:#8f5a00;--warnbg:#fdf0d5;--bad:#b3261e;--badbg:#fde7e5;--accent:#2f5fd0}
@media (prefers-color-scheme:dark){:root{--bg:#12151b;--card:#1b2029;--ink:#e8ebf1;--soft:#9aa4b5;--line:#2d3440;
--track:#2a313d;--good:#63d28b;--goodbg:#173524;--warn:#f0bd60;--warnbg:#3a2d12;--bad:#ff8f86;--badbg:#431d1a;
--accent:#8fb0ff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,sans-serif}main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:22px;margin:0}h2{font-size:17px;margin:36px 0 10px}h2 small{font-weight:400;color:var(--soft)}
.banner{border-radius:12px;padding:20px 24px;border:1px solid var(--line);border-left:8px solid currentColor}
.banner p{margin:4px 0 0;color:var(--ink)}.banner h1{color:inherit}
.banner ul{margin:8px 0 0;padding-left:20px;color:var(--ink)}.banner a{color:inherit;font-weight:600}
.passed{color:var(--good);background:var(--goodbg)}.warned{color:var(--warn);background:var(--warnbg)}
.failed{color:var(--bad);background:var(--badbg)}
.meta{color:var(--soft);margin:10px 2px 0;font-size:13px;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:18px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px}
.card b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.card span{color:var(--soft);font-size:13px}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{padding:8px 12px;text-align:left;vertical-align:top;
border-top:1px solid var(--line)}thead th{border-top:0;color:var(--soft);font-weight:600;font-size:12.5px;
white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.pill{display:inline-block;border-radius:99px;padding:1px 10px;font-size:12.5px;font-weight:600;white-space:nowrap}
.rule b{display:block;font-weight:600}.rule span,.soft{color:var(--soft)}.msg{color:var(--bad)}.msg.w{color:var(--warn)}
.unjudged{color:var(--soft);background:var(--track)}.msg.u{color:var(--soft)}
.range{position:relative;height:14px;margin:7px 0 3px;max-width:420px;background:none!important}
.range s{position:absolute;top:4px;bottom:4px;border-radius:3px;background:var(--track)}
.range u{position:absolute;top:2px;bottom:2px;width:2px;background:var(--soft)}
.range i{position:absolute;top:2px;width:10px;height:10px;margin-left:-5px;border-radius:50%;background:currentColor}
.bar{position:relative;height:6px;border-radius:3px;background:var(--track);margin-top:5px;min-width:90px}
.bar i{position:absolute;inset:0 auto 0 0;border-radius:3px;background:currentColor}
.bar u{position:absolute;top:-2px;bottom:-2px;width:2px;background:var(--soft)}
details{margin-top:6px}summary{cursor:pointer;color:var(--accent)}
code{font:12.5px ui-monospace,Menlo,Consolas,monospace;
overflow-wrap:anywhere}svg{display:block;width:100%;height:46px}svg .a{fill:var(--accent)}svg .q{fill:var(--bad)}
.empty{padding:14px 16px;color:var(--soft)}
"""
