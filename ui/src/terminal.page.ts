// A shell in a replica: xterm.js over the WebSocket that the command line uses, too. Texts are JSON, binary
// messages are data: what comes begins with the number of its stream. Both ends tell what they have taken,
// so that neither is flooded.
import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import "./style/terminal.css";

const piece = 16 << 10, tellAt = 32 << 10;
// One word with spaces is a line for the container's shell.
const shells: Record<string, string> = { auto: "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi", bash: "bash", sh: "sh", own: "exec /lugsail/shell" };

// The policy of this console forbids styles that are written into the document. xterm.js writes two
// kinds: sheets, which are adopted by the document here, and style attributes, which are set one by one.
const create = document.createElement.bind(document);
document.createElement = ((name: string, options?: ElementCreationOptions) => {
  if (name.toLowerCase() !== "style") return create(name, options);
  const made = create("template"); // stands where the style would
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(made, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  made.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    Element.prototype.remove.call(made);
  };
  return made;
}) as typeof document.createElement;
HTMLSpanElement.prototype.setAttribute = function (name: string, value: string) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
};

const form = document.getElementById("terminal-form") as HTMLFormElement | null;
if (form) page(form);

interface Message { type: string; name?: string; window?: number; bytes?: number; exit_code?: number; out_of_memory?: boolean; problem?: { message: string; hint?: string } }

function page(form: HTMLFormElement): void {
  const app = document.getElementById("terminal")!.dataset.app!;
  const screen = document.getElementById("screen")!, state = document.getElementById("terminal-state")!;
  const replica = form.elements.namedItem("replica") as HTMLSelectElement, shell = form.elements.namedItem("shell") as HTMLSelectElement;
  const connect = form.elements.namedItem("connect") as HTMLButtonElement, end = form.elements.namedItem("end") as HTMLButtonElement;
  const say = (text: string, colour: string) => { state.textContent = text; state.className = "state only-script " + colour; };

  let term: Terminal | null = null, fit: FitAddon;
  let socket: WebSocket | null = null, started = false, said = false, credit = 0, input: Uint8Array[] = [];
  const encoder = new TextEncoder();

  const tell = (message: object) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
  function send(): void {
    while (started && socket && input.length && credit > 0) {
      const next = input[0]!, n = Math.min(next.length, piece, credit);
      socket.send(next.slice(0, n));
      credit -= n;
      if (n < next.length) input[0] = next.subarray(n);
      else input.shift();
    }
  }

  function open(): Terminal {
    screen.hidden = false;
    if (term) return term;
    term = new Terminal({ cursorBlink: true, fontSize: 13, lineHeight: 1.25, fontFamily: getComputedStyle(screen).fontFamily, scrollback: 5000, minimumContrastRatio: 4.5, screenReaderMode: false, theme: theme(screen) });
    fit = new FitAddon();
    term.loadAddon(fit);
    term.open(screen);
    term.onData((text) => { if (started) { input.push(encoder.encode(text)); send(); } });
    term.onBinary((text) => { if (started) { input.push(Uint8Array.from(text, (c) => c.charCodeAt(0))); send(); } });
    term.onResize(({ cols, rows }) => tell({ type: "resize", columns: cols, rows }));
    new ResizeObserver(() => fit.fit()).observe(screen);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { term!.options.theme = theme(screen); });
    return term;
  }

  function begin(): void {
    const screenOf = open(), where = replica.value;
    fit.fit();
    screenOf.reset();
    screenOf.focus();
    said = started = false;
    input = [];
    let untold = 0;
    const path = where ? `replicas/${encodeURIComponent(where)}/terminal` : "runs/terminal";
    const line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/apps/${encodeURIComponent(app)}/${path}`);
    socket = line;
    line.binaryType = "arraybuffer";
    connect.hidden = true;
    end.hidden = false;
    replica.disabled = shell.disabled = true;
    say(where ? "Connecting…" : "Starting a container…", "pending");
    line.addEventListener("open", () => tell({ type: "start", command: [shells[shell.value] ?? "sh"], tty: true, columns: screenOf.cols, rows: screenOf.rows, flow: true }));
    line.addEventListener("message", (event: MessageEvent<string | ArrayBuffer>) => {
      if (typeof event.data !== "string") {
        const data = new Uint8Array(event.data, 1);
        screenOf.write(data, () => {
          untold += data.length;
          if (untold >= tellAt && socket === line) { tell({ type: "taken", bytes: untold }); untold = 0; }
        });
        return;
      }
      const message = JSON.parse(event.data) as Message;
      if (message.type === "started") {
        started = true;
        credit = message.window ?? Infinity;
        say(`In ${message.name}`, "ok");
        tell({ type: "resize", columns: screenOf.cols, rows: screenOf.rows });
      } else if (message.type === "taken") { credit += message.bytes ?? 0; send(); }
      else if (message.type === "exit") ended(message.out_of_memory ? "The shell was ended: its memory was used up." : message.exit_code === 137 ? "The shell was ended from outside. The replica may have been replaced or restarted." : message.exit_code ? `The shell has ended with exit code ${message.exit_code}.` : "The shell has ended.", message.exit_code ? "warn" : "");
      else if (message.type === "error" && message.problem) ended([message.problem.message, message.problem.hint].filter(Boolean).join(" "), "bad");
    });
    line.addEventListener("close", () => {
      if (socket !== line) return;
      ended(started ? "The connection was lost, and the shell with it." : "The server did not answer. You may have been signed out, or the app may have gone.", "bad");
      socket = null;
    });
  }

  function ended(text: string, colour: string): void {
    if (said) return;
    said = true;
    started = false;
    say("Not connected", colour);
    term?.write(`\r\n\x1b[0m\x1b[2m${text.replace(/[\x00-\x1f\x7f-\x9f]/g, " ")}\x1b[0m\r\n`);
    state.textContent = text;
    connect.hidden = false;
    connect.lastChild!.textContent = "Connect again";
    end.hidden = true;
    replica.disabled = shell.disabled = false;
    if (screen.contains(document.activeElement)) connect.focus();
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); if (!socket || said) begin(); });
  end.addEventListener("click", () => { const line = socket; ended("You have ended the session.", ""); socket = null; line?.close(1000); });
  addEventListener("pagehide", () => socket?.close(1000));
  connect.disabled = false; // until here the page has it disabled: without this script it leads nowhere
}

// Colours as the page has them at this moment; the sixteen are readable on either.
function theme(screen: HTMLElement): ITheme {
  const style = getComputedStyle(screen), dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    background: hex(style.backgroundColor), foreground: hex(style.color), cursor: hex(style.caretColor), cursorAccent: hex(style.backgroundColor),
    selectionBackground: dark ? "#35576b" : "#bcdcea",
    ...(dark
      ? { black: "#5b6770", red: "#ef7b74", green: "#6fcf8e", yellow: "#e2b95a", blue: "#7fb2ea", magenta: "#d592dc", cyan: "#6cc3d5", white: "#dfe5e8" }
      : { black: "#22303a", red: "#b3261e", green: "#1d7440", yellow: "#8a5a00", blue: "#2a5fa8", magenta: "#8d3b97", cyan: "#12707f", white: "#5d6a72" }),
  };
}

// Whatever way a colour is written in, as a canvas draws it.
function hex(colour: string): string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const draw = canvas.getContext("2d", { willReadFrequently: true })!;
  draw.fillStyle = colour;
  draw.fillRect(0, 0, 1, 1);
  return "#" + [...draw.getImageData(0, 0, 1, 1).data].slice(0, 3).map((n) => n.toString(16).padStart(2, "0")).join("");
}
