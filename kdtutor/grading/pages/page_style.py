"""How the pages look: in light and dark, on a phone and on paper. Text keeps a contrast of 4.5 to 1 to its ground."""

STYLE = """
:root {
  --ground: #fdfdfc; --sheet: #ffffff; --ink: #1c2126; --soft: #545c66; --line: #d9dde2; --tint: #f2f4f6;
  --passed: #00684f; --failed: #a63f00; --error: #9c1c5c; --timeout: #5c3d9e; --empty: #5b636d; --open: #004f80;
  --bar-passed: #2a9d7c; --bar-mistake: #e07b28; --bar-failed: #f2b880; --bar-error: #c4578d; --bar-timeout: #8d71c7;
  --bar-empty: #b4bbc4; --bar-open: #4c93bf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --sheet: #1b1f24; --ink: #e6e8ea; --soft: #a5adb6; --line: #353c44; --tint: #23282e;
    --passed: #5fd0ae; --failed: #ffa45c; --error: #f58fc0; --timeout: #bda5f5; --empty: #a5adb6; --open: #7cc2f0;
    --bar-passed: #2a9d7c; --bar-mistake: #d9742a; --bar-failed: #8a5a2d; --bar-error: #b34a80;
    --bar-timeout: #7d62b5; --bar-empty: #59626c; --bar-open: #3c82ad;
  }
}
* { box-sizing: border-box; }
html { font: 100%/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere; }
main:has(.wide) { max-width: 72rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .35rem; font-weight: 680; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 .75rem; font-weight: 650; }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0; font-weight: 650; }
p { margin: 0 0 .75rem; }
ol, ul { margin: 0; padding-left: 1.4rem; }
li { margin-bottom: .45rem; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: .92em; }
pre code { font-size: 1em; }
:focus-visible { outline: 3px solid var(--open); outline-offset: 2px; }
svg { display: block; width: 100%; }
.soft { color: var(--soft); }
.small { font-size: .9rem; }
.label { color: var(--soft); font-size: .9rem; margin: 0 0 .4rem; }
.who { font-size: 1.1rem; color: var(--soft); margin: 0 0 1.5rem; }
.sum { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .5rem; margin: 0 0 .6rem; }
.sum strong { font-size: 2.6rem; line-height: 1.1; font-weight: 680; }
.meter { margin: 0 0 .75rem; border-radius: 4px; overflow: hidden; }
.notice { border: 1px solid var(--open); border-left-width: 6px; border-radius: 6px; padding: .8rem 1rem;
  margin: 1.5rem 0; }
.notice > :last-child { margin-bottom: 0; }
.check { background: var(--sheet); border: 1px solid var(--line); border-left: 6px solid var(--tone);
  border-radius: 6px; padding: .85rem 1rem; margin: 0 0 .8rem; }
.check > :last-child { margin-bottom: 0; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .9rem; margin: 0 0 .35rem; }
.check .head:last-child { margin-bottom: 0; }
.head h3 { flex: 1 1 auto; min-width: 0; }
.head p { margin: 0; display: flex; flex-wrap: wrap; gap: 0 .9rem; }
.points { white-space: nowrap; color: var(--soft); }
.verdict { color: var(--tone); font-weight: 650; white-space: nowrap; }
.mistake { font-weight: 600; margin: .2rem 0 .4rem; }
.said { margin: .4rem 0 .6rem; }
.said, .plain { white-space: pre-wrap; max-height: 20rem; overflow: auto; }
.remark { border-left: 3px solid var(--open); padding: .1rem 0 .1rem .8rem; margin: .6rem 0; white-space: pre-wrap;
  max-height: 20rem; overflow: auto; }
details { margin: .6rem 0 0; }
summary { cursor: pointer; color: var(--open); padding: .25rem 0; }
pre { background: var(--tint); border-radius: 4px; padding: .7rem .85rem; margin: .3rem 0 0; overflow: auto;
  max-height: 30rem; line-height: 1.45; tab-size: 4; overflow-wrap: normal; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; color: var(--soft);
  font-size: .85rem; }
dl { margin: 0; display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; }
dd { margin: 0; }
.passed { --tone: var(--passed); } .failed { --tone: var(--failed); } .error { --tone: var(--error); }
.timeout { --tone: var(--timeout); } .not-attempted { --tone: var(--empty); } .not-graded { --tone: var(--open); }
.fill-passed { fill: var(--bar-passed); } .fill-mistake { fill: var(--bar-mistake); }
.fill-failed { fill: var(--bar-failed); } .fill-error { fill: var(--bar-error); }
.fill-timeout { fill: var(--bar-timeout); } .fill-not-attempted { fill: var(--bar-empty); }
.fill-not-graded { fill: var(--bar-open); } .fill-ground { fill: var(--tint); } .fill-line { fill: var(--line); }
.fill-accent { fill: var(--soft); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.scroll { position: relative; overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; color: var(--soft); padding: 0 0 .5rem; font-size: .9rem; }
th, td { text-align: left; padding: .4rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { font-size: .85rem; font-weight: 600; color: var(--soft); vertical-align: bottom; }
thead .right { white-space: normal; }
tbody th { font-weight: 600; }
.right { text-align: right; white-space: nowrap; }
.middle { text-align: center; }
.cell { text-align: center; color: var(--tone); font-weight: 650; padding: .4rem .25rem; }
.fixed { position: sticky; left: 0; background: var(--ground); min-width: 6rem; max-width: 16rem;
  overflow-wrap: break-word; }
.fixed:has(code) { white-space: nowrap; max-width: none; }
.long { min-width: 14rem; overflow-wrap: anywhere; }
.bar { min-width: 8rem; width: 30%; vertical-align: middle; }
td details { margin: 0; }
td summary { padding: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 0 0 1.5rem; }
.figures p { margin: 0; }
.figures strong { display: block; font-size: 1.7rem; line-height: 1.25; font-weight: 680; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: 0 0 1rem; list-style: none;
  font-size: .9rem; }
.legend li { display: flex; align-items: center; gap: .45rem; margin: 0; }
.legend svg { width: .85rem; flex: none; }
.histogram { max-width: 34rem; margin: 0 0 1.5rem; }
.histogram text { font-size: 10px; fill: var(--soft); text-anchor: middle; }
@media (max-width: 34rem) {
  main { padding: 1.25rem .9rem 3rem; }
  h1 { font-size: 1.55rem; }
  th, td { padding: .35rem .45rem; }
  .fixed { max-width: 8.5rem; }
  dl { grid-template-columns: minmax(0, 1fr); }
  dd { margin: 0 0 .4rem; }
}
@media print {
  :root { --ground: #fff; --sheet: #fff; --ink: #000; --soft: #444; --line: #bbb; --tint: #f3f3f3; --passed: #00684f;
    --failed: #a63f00; --error: #9c1c5c; --timeout: #5c3d9e; --empty: #5b636d; --open: #004f80; }
  html { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .check, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .said, .plain, .remark, pre { max-height: none; overflow: visible; white-space: pre-wrap; }
  .scroll { overflow: visible; }
  .fixed { position: static; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
