/** The page's looks. System fonts, two palettes, one accent colour. */

const palettes = `
:root {
  --ink: #17211f; --dim: #5d6b68; --paper: #ffffff; --panel: #f5f7f6; --line: #e0e6e4;
  --accent: #0f766e; --code: #f2f5f4; --shell: #10201d; --shell-ink: #dcebe7;
  --get: #0f766e; --post: #1d4ed8; --put: #9a5b00; --patch: #9a5b00; --delete: #b42318; --ws: #7a3ea8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e3ebe9; --dim: #93a5a0; --paper: #0e1413; --panel: #131b1a; --line: #24302e;
    --accent: #4fd1c0; --code: #1a2423; --shell: #0a100f; --shell-ink: #d5e4e0;
    --get: #4fd1c0; --post: #86abff; --put: #e5a94b; --patch: #e5a94b; --delete: #ff8a7d; --ws: #c99bf0;
  }
}`;

const base = `
* { box-sizing: border-box; }
html { scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; display: grid; grid-template-columns: 17.5rem minmax(0, 1fr);
  background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
}
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
code, pre { font-family: ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
code { font-size: .86em; background: var(--code); padding: .12em .35em; border-radius: 4px; overflow-wrap: anywhere; }
h1 { font-size: 2.3rem; line-height: 1.15; margin: .2rem 0 .5rem; letter-spacing: -.02em; }
h2 { font-size: 1.4rem; margin: 2.8rem 0 .6rem; letter-spacing: -.01em; }
h3 { font-size: 1.15rem; margin: 0 0 .4rem; }
h4 { font-size: .78rem; text-transform: uppercase; letter-spacing: .06em; color: var(--dim); margin: 1.6rem 0 .3rem; }
p, ul { margin: .6rem 0; }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; }
.anchor { color: inherit; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; z-index: 2; background: var(--paper); padding: .5rem 1rem; }
.dim { color: var(--dim); font-size: .88em; }
.lead { color: var(--dim); font-size: 1.08rem; margin-top: 0; }
.label { color: var(--dim); font-size: .82rem; margin: 0 0 .3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; margin: .6rem 0; }
th { text-align: left; font-size: .78rem; color: var(--dim); font-weight: 600; }
th, td { padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; }`;

const navigation = `
nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.4rem 1rem 2rem 1.4rem;
  background: var(--panel); border-right: 1px solid var(--line); font-size: .92rem;
}
.brand { display: flex; align-items: center; gap: .6rem; font-weight: 700; font-size: 1.1rem; letter-spacing: -.01em; }
.mark { display: grid; gap: 3px; width: 1.7rem; height: 1.7rem; padding: .42rem .35rem; border-radius: 7px; background: #0f766e; align-content: center; }
.mark i { display: block; height: 2.5px; border-radius: 2px; background: #fff; }
.mark i:nth-child(2) { width: 70%; } .mark i:nth-child(3) { width: 45%; }
#menu { display: none; }
#filter {
  width: 100%; margin: 1.1rem 0 .4rem; padding: .45rem .7rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: 7px;
}
nav h2 { font-size: .74rem; text-transform: uppercase; letter-spacing: .07em; color: var(--dim); margin: 1.2rem 0 .25rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li { margin: 0; }
nav li a {
  display: flex; justify-content: space-between; align-items: center; gap: .5rem;
  padding: .22rem .55rem; margin: 0 -.55rem; border-radius: 6px; color: inherit;
}
nav li a:hover { background: var(--code); text-decoration: none; }
nav li a[aria-current] { background: var(--code); color: var(--accent); font-weight: 600; }
.verb { font: 700 .66rem/1.5 ui-monospace, Menlo, Consolas, monospace; text-transform: uppercase; letter-spacing: .04em; flex: none; }
.verb.get { color: var(--get); } .verb.post { color: var(--post); } .verb.put { color: var(--put); } .verb.patch { color: var(--patch); }
.verb.delete { color: var(--delete); } .verb.ws { color: var(--ws); }`;

const content = `
main { padding: 2.4rem clamp(1.2rem, 4vw, 3.5rem) 6rem; max-width: 92rem; }
.guide { max-width: 46rem; }
.group { margin-top: 4rem; border-top: 1px solid var(--line); }
.operation {
  display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 27rem); gap: 1rem 2.6rem;
  padding: 1.8rem 0 2.2rem; border-bottom: 1px solid var(--line);
}
.operation:last-child { border-bottom: 0; }
.samples { position: sticky; top: 1.5rem; align-self: start; }
.route { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .7rem; margin: .2rem 0 .8rem; }
.route .verb { font-size: .76rem; padding: .12rem .5rem; border: 1px solid currentColor; border-radius: 5px; }
.route code { font-size: .95rem; background: none; padding: 0; }
.param { color: var(--accent); }
.scope { color: var(--dim); font-size: .85rem; }
.members { margin: 0; border-top: 1px solid var(--line); }
.row { padding: .5rem 0; border-bottom: 1px solid var(--line); }
.row dt { display: flex; flex-wrap: wrap; align-items: baseline; gap: .15rem .6rem; }
.row dd { margin: .1rem 0 0; font-size: .94rem; }
.members .members { margin: .5rem 0 0 1rem; }
.name { background: none; padding: 0; font-weight: 650; font-size: .92rem; }
.type { color: var(--dim); font-size: .86rem; }
.must { color: var(--delete); font-size: .76rem; font-weight: 600; }
.status { font: 650 .86rem ui-monospace, Menlo, Consolas, monospace; }
.status.good { color: var(--get); } .status.bad { color: var(--delete); }
.answers td:first-child { width: 3.6rem; }
.schema { padding: 1.4rem 0 .6rem; max-width: 46rem; }
.code { position: relative; margin: .5rem 0 1rem; }
.code pre {
  margin: 0; padding: .9rem 1rem; overflow-x: auto; background: var(--shell); color: var(--shell-ink);
  border-radius: 9px; font-size: .82rem; line-height: 1.55; max-height: 30rem;
}
.code code { background: none; padding: 0; font-size: inherit; overflow-wrap: normal; }
.samples pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.copy {
  position: absolute; top: .45rem; right: .45rem; padding: .15rem .55rem; font: 600 .72rem system-ui, sans-serif;
  color: var(--shell-ink); background: #ffffff1f; border: 0; border-radius: 5px; cursor: pointer; opacity: 0;
}
.code:hover .copy, .copy:focus-visible { opacity: 1; }
@media (hover: none) { .copy { opacity: .8; } .code pre { padding-top: 2.1rem; } }`;

const narrow = `
@media (max-width: 75rem) {
  .operation { grid-template-columns: minmax(0, 1fr); }
  .samples { position: static; }
}
@media (max-width: 50rem) {
  html { scroll-padding-top: 4.5rem; }
  body { display: block; }
  nav { position: sticky; z-index: 1; height: auto; max-height: 100vh; padding: .7rem 1.2rem; border-right: 0; border-bottom: 1px solid var(--line); }
  #menu { display: block; margin-left: auto; font: inherit; font-size: .9rem; color: inherit; background: none; border: 1px solid var(--line); border-radius: 7px; padding: .25rem .8rem; }
  #contents { display: none; padding-bottom: 1rem; }
  #contents.open { display: block; }
  main { padding-top: 1.4rem; }
  h1 { font-size: 1.8rem; }
}
@media print { nav, .copy { display: none; } body { display: block; } .samples { position: static; } }`;

export const style = [palettes, base, navigation, content, narrow].join('\n');
