// Copy: the button names the element whose text, or the field whose value, it takes.
document.addEventListener("click", async (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
  const from = button && document.getElementById(button.dataset.copy ?? "");
  const label = button?.querySelector("span");
  if (!button || !from || !label) return;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(from instanceof HTMLInputElement ? from.value : from.textContent ?? "");
    label.textContent = "Copied";
  } catch {
    label.textContent = "Select and copy";
  }
  setTimeout(() => { label.textContent = before; }, 1600);
});
