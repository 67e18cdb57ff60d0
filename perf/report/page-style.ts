/**
 * How the report's page looks: light or dark as the reader's system is set, tables that scroll by themselves where the
 * page is narrow, colours that differ in lightness too, and dashes where colours repeat.
 */

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f5f6f8; --text: #1b1f24; --muted: #59636e; --rule: #d5dae0; --warning: #a3201b;
  --c0: #1857b8; --c1: #c2410c; --c2: #15784a; --c3: #8a3fb0; --c4: #8f6a00; --c5: #0b7a90; --c6: #bd2b73; --c7: #6b4a2f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --panel: #1d2126; --text: #e7eaee; --muted: #a0a9b4; --rule: #363d46; --warning: #ff8f86;
    --c0: #7db1ff; --c1: #ff9a6b; --c2: #5ed39b; --c3: #d29bf5; --c4: #e3bf45; --c5: #56cfe6; --c6: #ff8fc2; --c7: #d3aa88;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 90rem;
  background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .25rem 0; max-width: 48rem; }
a { color: var(--c0); }
section { margin-top: 2.5rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); }
.muted { color: var(--muted); }
.warning { color: var(--warning); }
nav ul, .legend, .headline { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
nav { margin-top: 1rem; }
.headline { gap: 1rem; margin: .5rem 0; }
.headline li { flex: 1 1 14rem; padding: .75rem 1rem; border-radius: .5rem; background: var(--panel); }
.headline strong { display: block; font-size: 2rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.headline small { display: block; color: var(--muted); }
pre { margin: .5rem 0; padding: .5rem .75rem; overflow-x: auto; border-radius: .375rem; background: var(--panel); }
code { font: .875rem/1.5 ui-monospace, monospace; }
.scroll { overflow-x: auto; margin: .5rem 0; }
.scroll:focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .3125rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
thead th { color: var(--muted); font-weight: 500; }
thead td { border: 0; }
thead th[colspan] { border: 0; padding-bottom: 0; text-align: center; }
tbody th { text-align: left; font-weight: 500; }
tbody th { position: sticky; left: 0; background: var(--page); white-space: normal; min-width: 7rem; }
.first { padding-left: 1rem; }
.words { text-align: left; }
.said td { white-space: normal; text-align: left; min-width: 12rem; }
.costs th { min-width: 11rem; }
.costs td + td { white-space: normal; min-width: 8rem; text-align: left; padding-left: 1rem; color: var(--muted); }
caption { text-align: left; color: var(--muted); padding-bottom: .25rem; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--muted); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem; margin: 1rem 0; align-items: start; }
figure { margin: 0; padding: .75rem; border-radius: .5rem; background: var(--panel); }
fig.costs th { min-width: 11rem; }
.costs td + td { white-space: normal; min-width: 8rem; text-align: left; padding-left: 1rem; color: var(--muted); }
caption { font-weight: 500; margin-bottom: .25rem; }
.legend { font-size: .8125rem; gap: .125rem .875rem; margin-top: .25rem; overflow-wrap: anywhere; }
.swatch { width: 28px; height: 8px; margin-right: .375rem; vertical-align: middle; }
svg { display: inline-block; }
figure > svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
svg .name, svg .value, svg .tick { paint-order: stroke; stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; }
svg .tick, svg .axis { fill: var(--muted); }
svg .start { text-anchor: start; } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .value { font-weight: 600; }
.grid { stroke: var(--rule); stroke-width: 1; }
.mark { stroke: var(--text); stroke-width: 2; }
.whisker { stroke: var(--text); stroke-width: 2; }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.bar, circle { fill: var(--c); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.d1 .line, .d1.swatch .line { stroke-dasharray: 7 3; }
.d2 .line, .d2.swatch .line { stroke-dasharray: 2 3; }
.d3 .line, .d3.swatch .line { stroke-dasharray: 9 3 2 3; }
.floor { --c: var(--muted); }
.floor .line { stroke-dasharray: 4 3; }
@media (max-width: 40rem) { body { padding: .75rem; } .headline strong { font-size: 1.6rem; } }
`
