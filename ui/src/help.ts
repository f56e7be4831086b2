// One explanation is open at a time; Escape and a click elsewhere close it.
const opened = () => document.querySelector<HTMLDetailsElement>("details.help[open]");

document.addEventListener("toggle", (event) => {
  const help = event.target as HTMLDetailsElement;
  if (!help.matches?.("details.help[open]")) return;
  for (const other of document.querySelectorAll<HTMLDetailsElement>("details.help[open]")) if (other !== help) other.open = false;
  // It stays on the screen.
  const bubble = help.querySelector<HTMLElement>(".bubble");
  if (!bubble) return;
  bubble.classList.remove("left");
  bubble.classList.toggle("left", bubble.getBoundingClientRect().right > innerWidth - 12);
}, true);

document.addEventListener("keydown", (event) => {
  const help = event.key === "Escape" ? opened() : null;
  if (!help) return;
  help.open = false;
  help.querySelector("summary")?.focus();
});

document.addEventListener("click", (event) => {
  const help = opened();
  if (help && !help.contains(event.target as Node)) help.open = false;
});
