// A form that is sent after the session has ended leads to the sign-in page. What was typed into it waits in this
// tab, and stands in it again afterwards; passwords, files and what is marked data-secret do not.
interface Kept { page: string; who: string; action: string; fields: [name: string, value: string][]; unsent?: boolean }

const place = "lugsail-typed";
const who = () => document.querySelector(".me .name")?.textContent ?? "";
type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

function fieldsOf(form: HTMLFormElement): Field[] {
  return [...form.querySelectorAll<Field>("input, textarea, select")]
    .filter((field) => field.name && !field.matches("[type=password], [type=hidden], [type=file], [data-secret]"));
}

const choice = (field: Field): field is HTMLInputElement => field.matches("[type=radio], [type=checkbox]");

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.method !== "post" || !who()) return;
  const fields = fieldsOf(form).filter((field) => !choice(field) || field.checked).map((field): [string, string] => [field.name, field.value]);
  const kept: Kept = { page: location.pathname, who: who(), action: form.getAttribute("action") ?? "", fields };
  try { sessionStorage.setItem(place, JSON.stringify(kept)); } catch { /* no room: then it is typed again */ }
});

function fill(form: HTMLFormElement, fields: Kept["fields"]): void {
  const left = [...fields];
  for (const field of fieldsOf(form)) {
    const at = left.findIndex(([name, value]) => name === field.name && (!choice(field) || value === field.value));
    if (choice(field)) { field.checked = at >= 0; continue; }
    if (at >= 0) field.value = left.splice(at, 1)[0]![1];
  }
  const said = Object.assign(document.createElement("p"), { className: "say warn", textContent: "What you typed is here again. It was not sent: look it over, then send it." });
  said.setAttribute("role", "status");
  form.before(said);
  said.scrollIntoView({ block: "nearest" });
}

function back(): void {
  const text = sessionStorage.getItem(place);
  if (!text) return;
  const kept = JSON.parse(text) as Kept;
  if (location.pathname.startsWith("/login")) {
    kept.unsent ||= new URLSearchParams(location.search).get("done") === "unsent";
    sessionStorage.setItem(place, JSON.stringify(kept));
    return;
  }
  sessionStorage.removeItem(place);
  if (!kept.unsent || kept.page !== location.pathname || kept.who !== who()) return;
  const form = [...document.forms].find((one) => one.getAttribute("action") === kept.action);
  if (form) fill(form, kept.fields);
}

try { back(); } catch { /* a browser that keeps nothing */ }
