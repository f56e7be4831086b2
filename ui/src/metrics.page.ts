// Charts with values under the pointer, in place of the drawings that the server has made. The numbers come
// from the API once; then the tab's stream brings each new point.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./style/uplot.css";
import { on } from "./bus";

type Value = number | null;
interface Answer { from: string; step: number; series: Record<string, Value[]>; deployments: { at: string; release: number }[] }
interface Measured { at: number; values: Record<string, Value> }
interface Line { key: string; name: string; colour: string; fill?: boolean; dash?: number[] }
interface Kind { lines: Line[]; text: (v: number) => string; rate?: boolean; least: number; steps?: number[] }

const bytes = (v: number): string => {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (v >= 1023.5 && unit < units.length - 1) { v /= 1024; unit++; }
  return `${unit && v < 99.95 ? Number(v.toFixed(1)) : Math.round(v)} ${units[unit]}`;
};
const time = (v: number): string => v >= 0.9995 ? `${v.toFixed(1)} s` : `${v < 0.00995 ? (v * 1000).toFixed(1) : Math.round(v * 1000)} ms`;
const percent = (v: number): string => `${Number((v * 100).toPrecision(3))} %`;
const plain = (v: number): string => String(Number(v.toPrecision(3)));

const powers = Array.from({ length: 41 }, (_, i) => 2 ** i); // so that bytes are told in round numbers
const clock = (seconds: number, exact = false): string => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: exact ? "2-digit" : undefined, hour12: false });

const kinds: Record<string, Kind> = {
  requests: {
    lines: [{ key: "requests", name: "all", colour: "sea", fill: true }, { key: "refused", name: "4xx", colour: "warn" }, { key: "errors", name: "5xx", colour: "bad" }],
    text: (v) => `${v > 0 && v < 9.95 ? v.toFixed(1) : Math.round(v)} / min`, rate: true, least: 1,
  },
  times: { lines: [{ key: "median", name: "median", colour: "sea", fill: true }, { key: "p95", name: "p95", colour: "warn" }], text: time, least: 0.001 },
  cpu: { lines: [{ key: "cpu", name: "CPU", colour: "sea", fill: true }], text: percent, least: 0.01 },
  memory: { lines: [{ key: "memory", name: "used", colour: "sea", fill: true }, { key: "memory_limit", name: "limit", colour: "ink-2", dash: [5, 4] }], text: bytes, least: 1 << 20, steps: powers },
  traffic: { lines: [{ key: "out", name: "to visitors", colour: "sea", fill: true }, { key: "in", name: "from visitors", colour: "warn" }], text: (v) => `${bytes(v)} / min`, rate: true, least: 1, steps: powers },
  replicas: { lines: [{ key: "replicas", name: "running", colour: "sea", fill: true }], text: plain, least: 1, steps: [1, 2, 5, 10, 20, 50, 100] },
};

const height = 176;

const root = document.getElementById("charts");
if (root) void begin(root);

async function begin(root: HTMLElement): Promise<void> {
  const range = root.dataset.range ?? "1h";
  let data: Answer;
  const load = async (): Promise<void> => {
    const answer = await fetch(`/api/v1/apps/${encodeURIComponent(root.dataset.app ?? "")}/metrics?range=${range}`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.statusText);
    data = await answer.json() as Answer;
  };
  try { await load(); } catch { return; } // what the server has drawn stays
  const charts = [...root.querySelectorAll<HTMLElement>("[data-chart]")].flatMap((card) => {
    const kind = kinds[card.dataset.chart ?? ""];
    return kind ? [new Chart(card, kind, () => data)] : [];
  });
  const draw = (): void => charts.forEach((c) => c.update());
  on<Measured>("measured", ({ at, values }) => {
    if (range === "1h") append(data, at, values);
    else if (at % 300 !== 0) return;
    if (range === "1h") draw();
    else void load().then(draw, () => undefined);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((c) => c.rebuild()));
  new ResizeObserver(() => charts.forEach((c) => c.fit())).observe(root);
}

// A point may come twice, or after some that were missed while the connection was away.
function append(data: Answer, at: number, values: Record<string, Value>): void {
  const first = Date.parse(data.from) / 1000, count = data.series.cpu?.length ?? 0;
  const steps = Math.round((at - first) / data.step) - count + 1;
  if (steps > count || steps < 0) return;
  for (const [key, series] of Object.entries(data.series)) {
    for (let i = 0; i < steps; i++) { series.shift(); series.push(null); }
    series[count - 1] = values[key] ?? null;
  }
  data.from = new Date((first + steps * data.step) * 1000).toISOString();
}

// Colours are tokens; the canvas wants them as the browser understands them in this theme.
function colour(token: string): string {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.className = `ink-${token}`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

class Chart {
  private plot: uPlot | undefined;
  private readonly place: HTMLElement;
  private readonly now: Element | null;
  private readonly legend: Element[];

  constructor(private readonly card: HTMLElement, private readonly kind: Kind, private readonly data: () => Answer) {
    this.place = card.querySelector<HTMLElement>(".plot")!;
    this.now = card.querySelector(".now b");
    this.legend = [...card.querySelectorAll(".legend b")];
    this.rebuild();
  }

  rebuild(): void {
    const label = this.place.querySelector("svg")?.getAttribute("aria-label") ?? this.place.getAttribute("aria-label") ?? "";
    this.plot?.destroy();
    this.place.replaceChildren();
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", label);
    this.plot = new uPlot(this.options(), this.rows(), this.place);
    this.say(null);
  }

  update(): void { this.plot?.setData(this.rows()); this.say(null); }
  fit(): void { this.plot?.setSize({ width: this.place.clientWidth, height }); }

  private rows(): uPlot.AlignedData {
    const { from, step, series } = this.data();
    const first = Date.parse(from) / 1000, factor = this.kind.rate ? 60 / step : 1;
    const times = (series.cpu ?? []).map((_, i) => first + i * step);
    return [times, ...this.kind.lines.map((l) => (series[l.key] ?? []).map((v) => v === null ? null : v * factor))];
  }

  // What the pointer is over, or the newest.
  private say(at: number | null): void {
    const rows = this.rows();
    const texts = this.kind.lines.map((_, i) => {
      const row = rows[i + 1] as Value[];
      const v = at === null ? (row[row.length - 1] ?? row[row.length - 2]) : row[at];
      return v === null || v === undefined ? "–" : this.kind.text(v);
    });
    const when = at === null ? "" : ` at ${clock(rows[0][at]!, this.data().step < 60)}`;
    if (this.now) this.now.textContent = texts[0] + when;
    this.legend.forEach((b, i) => { b.textContent = texts[i] ?? "–"; });
  }

  private options(): uPlot.Options {
    const ink = colour("ink-2"), grid = colour("line"), wash = colour("sea-wash");
    const axis = { stroke: ink, font: "12px system-ui, sans-serif", grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    return {
      width: this.place.clientWidth, height, legend: { show: false },
      padding: [12, 20, 0, 0],
      cursor: { sync: { key: "metrics" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
      scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(max ?? 0, this.kind.least) * 1.05] } },
      axes: [{ ...axis, grid: { show: false }, space: 70, size: 30, values: (_u, ticks) => ticks.map((t) => clock(t)) }, { ...axis, size: 74, space: 36, ...(this.kind.steps ? { incrs: this.kind.steps } : {}), values: (_u, ticks) => ticks.map((v) => v === 0 ? "0" : this.kind.text(v).replace(" / min", "")) }],
      series: [{}, ...this.kind.lines.map((l) => ({ label: l.name, stroke: colour(l.colour), fill: l.fill ? wash : undefined, width: 1.6, dash: l.dash, points: { size: 4 }, spanGaps: false }))],
      hooks: { setCursor: [(u) => this.say(u.cursor.idx ?? null)], draw: [(u) => this.mark(u, ink)] },
    };
  }

  // Deployments, as dashed lines with the release's number.
  private mark(u: uPlot, ink: string): void {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = ink;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    let free = -Infinity;
    for (const d of this.data().deployments) {
      const x = u.valToPos(Date.parse(d.at) / 1000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const label = `v${d.release}`, width = ctx.measureText(label).width;
      const left = Math.min(x + 4 * devicePixelRatio, bbox.left + bbox.width - width);
      if (left > free) { ctx.fillText(label, left, bbox.top - 2 * devicePixelRatio); free = left + width; }
    }
    ctx.restore();
  }
}


