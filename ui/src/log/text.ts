// What a line of a log is made of: pieces in one colour. Of control sequences only colours are kept.

export interface Run { text: string; kind: string }

const control = /\x1b\[([0-9;:]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b.?|[\x00-\x08\x0a-\x1f\x7f-\x9f]/gs;
const special = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

// What changes the direction of text is made visible, so that no line shows what it is not.
const told = (text: string): string => text.replace(turning, (c) => `<U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);

/** The text as one reads it. */
export const plain = (text: string): string => special.test(text) ? told(text.replace(control, "")) : text;

export function runs(text: string): Run[] {
  if (!special.test(text)) return text ? [{ text, kind: "" }] : [];
  const found: Run[] = [];
  let colour = "", weight = "", at = 0;
  const put = (part: string) => { if (part) found.push({ text: told(part), kind: [colour, weight].filter(Boolean).join(" ") }); };
  for (const match of text.matchAll(control)) {
    put(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] !== "m") continue;
    const codes = (match[1] ?? "").split(/[;:]/).map(Number);
    for (let i = 0; i < codes.length; i++) {
      const n = codes[i]!;
      if (n === 0) { colour = ""; weight = ""; }
      else if (n === 1 || n === 2) weight = "t" + n;
      else if (n === 22) weight = "";
      else if (n >= 30 && n <= 37) colour = "c" + (n - 30);
      else if (n >= 90 && n <= 97) colour = "c" + (n - 90);
      else if (n === 39) colour = "";
      else if (n === 38 || n === 48) i += codes[i + 1] === 5 ? 2 : 4;
    }
  }
  put(text.slice(at));
  return found;
}

/** Cuts pieces after so many characters. */
export function cut(all: Run[], most: number): Run[] {
  const kept: Run[] = [];
  for (const run of all) {
    if (most <= 0) break;
    kept.push(run.text.length > most ? { ...run, text: run.text.slice(0, most) } : run);
    most -= run.text.length;
  }
  return kept;
}

/** What is looked for, in whatever case; null for nothing. */
export const pattern = (query: string): RegExp | null => query ? new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu") : null;

/** Splits pieces where what is looked for begins and ends; its kind gets "hit". */
export function marked(all: Run[], find: RegExp | null): Run[] {
  if (!find) return all;
  const text = all.map((run) => run.text).join("");
  const edges: [number, number][] = [];
  for (const match of text.matchAll(find)) edges.push([match.index, match.index + match[0].length]);
  if (!edges.length) return all;
  const split: Run[] = [];
  let start = 0, next = 0;
  for (const run of all) {
    const end = start + run.text.length;
    let at = start;
    while (at < end) {
      while (next < edges.length && edges[next]![1] <= at) next++;
      const edge = edges[next];
      const hit = !!edge && edge[0] <= at;
      const to = Math.min(end, edge ? (hit ? edge[1] : edge[0]) : end);
      split.push({ text: text.slice(at, to), kind: hit ? (run.kind + " hit").trim() : run.kind });
      at = to;
    }
    start = end;
  }
  return split;
}

/** Whether a line tells of an error. */
export const isError = (text: string): boolean => /\b(?:error|fatal|panic|exception|traceback|segmentation fault|failed|failure)\b/i.test(text);
