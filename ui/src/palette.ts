// Ctrl-K or ⌘-K: a field that finds every app, page and action. The list is the server's (/palette), which
// is a page of its own for those without a script.
const dialog = document.getElementById("palette") as HTMLDialogElement | null;
const field = dialog?.querySelector("input");
const list = dialog?.querySelector("#palette-list");

async function open(): Promise<void> {
  if (!dialog || !field || dialog.open) return;
  dialog.showModal();
  field.value = "";
  field.focus();
  try {
    await import(dialog.dataset.script!); // htmx, which asks for the list
  } catch {
    location.assign("/palette"); // the server is away, and its page says so
    return;
  }
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

const items = () => [...(list?.querySelectorAll<HTMLAnchorElement>("a") ?? [])];

function choose(which: HTMLAnchorElement | undefined): void {
  for (const item of items()) item.removeAttribute("aria-selected");
  which?.setAttribute("aria-selected", "true");
  which?.scrollIntoView({ block: "nearest" });
  if (which?.id) field?.setAttribute("aria-activedescendant", which.id);
  else field?.removeAttribute("aria-activedescendant");
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); void open(); }
});
document.addEventListener("click", (event) => {
  if (!(event.target as Element).closest("[data-palette]")) return;
  event.preventDefault();
  void open();
});

if (dialog && field && list) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  list.addEventListener("htmx:afterSwap", () => {
    for (const item of items()) item.role = "option"; // on the page they are links
    choose(items()[0]);
  });
  field.addEventListener("keydown", (event) => {
    const all = items(), at = all.findIndex((item) => item.hasAttribute("aria-selected"));
    if (event.key === "ArrowDown") choose(all[Math.min(all.length - 1, at + 1)]);
    else if (event.key === "ArrowUp") choose(all[Math.max(0, at - 1)]);
    else if (event.key === "Enter") (all[at] ?? all[0])?.click();
    else return;
    event.preventDefault();
  });
}
