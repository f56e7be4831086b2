// Run by npm run check: what of the log's viewer needs no browser.
import { Heights } from "../log/heights";
import { cut, isError, marked, pattern, plain, runs } from "../log/text";

let failed = 0;
function equal(what: string, got: unknown, want: unknown): void {
  if (JSON.stringify(got) === JSON.stringify(want)) return;
  failed++;
  console.error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

equal("colours", runs("\x1b[1;31mno\x1b[0m yes"), [{ text: "no", kind: "c1 t1" }, { text: " yes", kind: "" }]);
equal("colours beyond the 16", runs("\x1b[38;5;9ma\x1b[38;2;1;2;3;32mb"), [{ text: "a", kind: "" }, { text: "b", kind: "c2" }]);
equal("sequences that are dropped", plain("a\x1b[2Jb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x1b[31me\x07f\x1b"), "abcdef");
equal("direction", plain("a\u202eb"), "a<U+202E>b");
equal("a tab stays", plain("a\tb"), "a\tb");
equal("a cut", cut(runs("\x1b[31mabc\x1b[0mdef"), 4), [{ text: "abc", kind: "c1" }, { text: "d", kind: "" }]);
equal("a hit over two colours", marked(runs("\x1b[31mab\x1b[0mcd"), pattern("BC")), [{ text: "a", kind: "c1" }, { text: "b", kind: "c1 hit" }, { text: "c", kind: "hit" }, { text: "d", kind: "" }]);
equal("hits side by side", marked(runs("aab"), pattern("a")).map((r) => r.kind), ["hit", "hit", ""]);
equal("signs mean themselves", "a.c abc".match(pattern("a.c")!), ["a.c"]);
equal("nothing looked for", pattern(""), null);
equal("errors", ["Error: x", "no errors", "panic: y", "terror", "build failed"].map(isError), [true, false, true, false, true]);

const heights = new Heights(), plainly: number[] = [];
let seed = 7;
const random = (most: number) => (seed = (seed * 48271) % 2147483647) % most;
for (let i = 0; i < 3000; i++) {
  const h = 1 + random(40);
  heights.push(h);
  plainly.push(h);
  const at = random(plainly.length), other = 1 + random(40);
  heights.set(at, other);
  plainly[at] = other;
}
let sum = 0;
plainly.forEach((h, i) => {
  if (heights.before(i) !== sum || heights.at(sum) !== i || heights.at(sum + h - 1) !== i) equal(`line ${i}`, [heights.before(i), heights.at(sum), heights.at(sum + h - 1)], [sum, i, i]);
  sum += h;
});
equal("all heights", heights.total, sum);
equal("beyond the end", heights.at(sum + 100), 2999);
equal("an empty log", new Heights().at(0), 0);
if (failed) throw new Error(`${failed} checks failed`);
