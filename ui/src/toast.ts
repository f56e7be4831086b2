// What a page says after a form worked floats for a while. What failed stays where it is.
for (const said of document.querySelectorAll<HTMLElement>("[data-toast]")) {
  const region = document.getElementById("toasts");
  if (!region) break;
  said.classList.add("toast");
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close";
  close.setAttribute("aria-label", "Close this message");
  close.textContent = "×";
  close.addEventListener("click", () => said.remove());
  said.append(close);
  region.append(said);
  // Something to undo gives more time, and whoever points at it or has tabbed into it has all of it.
  const life = said.querySelector("form") ? 20_000 : 8_000;
  const leave = () => {
    if (said.matches(":hover, :focus-within")) { setTimeout(leave, 1500); return; }
    said.remove();
  };
  setTimeout(leave, life);
  // The address does not say it again when the page is loaded anew.
  const url = new URL(location.href);
  url.searchParams.delete("done");
  history.replaceState(history.state, "", url);
}
