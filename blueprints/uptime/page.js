// The page, which asks for itself again every minute.
const safe = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const percent = (share) => (share === null ? "–" : `${share} %`);
const kind = (share) => (share === null ? "none" : share === 100 ? "up" : share > 90 ? "half" : "down");

const style = `
  :root { color-scheme: light dark; --up: #1a8a4c; --half: #c77700; --down: #c62828; --none: #b8c0c8; }
  body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
  main { max-width: 46rem; margin: 8vh auto; padding: 0 1.5rem; }
  section { margin: 1rem 0; padding: 1rem 1.25rem; border: 1px solid #8884; border-radius: 0.5rem; }
  h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
  p { margin: 0.25rem 0; }
  .word { float: right; margin-left: 1rem; font-weight: 600; }
  .bar { display: flex; gap: 2px; height: 1.6rem; }
  .bar i { flex: 1; border-radius: 2px; }
  i.up { background: var(--up); } i.half { background: var(--half); } i.down { background: var(--down); } i.none { background: var(--none); }
  .word.up { color: var(--up); } .word.down { color: var(--down); }`;

function section(site) {
  const word = site.up === null ? "–" : site.up ? "Up" : "Down";
  return `<section>
  <h2><span class="word ${site.up === null ? "none" : site.up ? "up" : "down"}">${word}</span>${safe(site.url)}</h2>
  <p>${safe(site.said)}${site.took === null ? "" : `, ${site.took} ms`}. Last day ${percent(site.day)}, last 30 days ${percent(site.month)}.</p>
  <div class="bar" role="img" aria-label="The last 48 hours">${site.hours.map((h) => `<i class="${kind(h)}"></i>`).join("")}</div>
</section>`;
}

export function page(title, report) {
  const down = report.filter((site) => site.up === false).length;
  const sum = down === 0 ? "All is well." : down === 1 ? "One address does not answer." : `${down} addresses do not answer.`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="60">
<title>${safe(title)}</title><style>${style}</style></head>
<body><main><h1>${safe(title)}</h1><p>${report.length === 0 ? "Nothing is watched yet: set the config var URLS." : sum}</p>
${report.map(section).join("\n")}
</main></body></html>
`;
}
