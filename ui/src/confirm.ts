// A question before something is lost: data-confirm on the form is the question, data-confirm-yes the
// button's words. Without a script the page that follows, or the words beside the button, must do.
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const question = form.dataset.confirm;
  if (!question || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  void ask(question, form.dataset.confirmYes ?? (event as SubmitEvent).submitter?.textContent?.trim() ?? "Yes").then((yes) => {
    if (!yes) return;
    form.dataset.confirmed = "yes";
    form.requestSubmit((event as SubmitEvent).submitter as HTMLElement | null);
    delete form.dataset.confirmed;
  });
}, true);

function ask(question: string, yes: string): Promise<boolean> {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  const text = document.createElement("p");
  text.textContent = question;
  text.id = "ask-text";
  dialog.setAttribute("aria-labelledby", text.id);
  const form = document.createElement("form");
  form.method = "dialog";
  const no = Object.assign(document.createElement("button"), { value: "", textContent: "Cancel", className: "button" });
  const go = Object.assign(document.createElement("button"), { value: "yes", textContent: yes, className: "button danger solid" });
  form.append(no, go);
  dialog.append(text, form);
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
  return new Promise((done) => {
    dialog.addEventListener("close", () => { dialog.remove(); done(dialog.returnValue === "yes"); });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  });
}
