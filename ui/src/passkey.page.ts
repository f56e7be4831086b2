// Passkeys: the form asks the server what the browser's own dialogue needs, hands it over, and sends what
// came back as an ordinary form. Without a script these forms are not there.

type Descriptor = { type: "public-key"; id: string; transports?: AuthenticatorTransport[] };
interface Begun {
  id: string;
  options: { publicKey: Record<string, unknown> & { challenge: string; user?: { id: string }; excludeCredentials?: Descriptor[]; allowCredentials?: Descriptor[] } };
}

const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

const text = (data: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const known = (all?: Descriptor[]) => all?.map((d) => ({ ...d, id: bytes(d.id) }));

async function make({ publicKey }: Begun["options"]): Promise<object> {
  const options = {
    ...publicKey, challenge: bytes(publicKey.challenge), user: { ...publicKey.user, id: bytes(publicKey.user!.id) },
    excludeCredentials: known(publicKey.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = await navigator.credentials.create({ publicKey: options }) as PublicKeyCredential;
  const answer = made.response as AuthenticatorAttestationResponse;
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
    response: { clientDataJSON: text(answer.clientDataJSON), attestationObject: text(answer.attestationObject), transports: answer.getTransports?.() ?? [] },
  };
}

async function prove({ publicKey }: Begun["options"]): Promise<object> {
  const options = { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: known(publicKey.allowCredentials) } as unknown as PublicKeyCredentialRequestOptions;
  const given = await navigator.credentials.get({ publicKey: options }) as PublicKeyCredential;
  const answer = given.response as AuthenticatorAssertionResponse;
  return {
    id: given.id, rawId: text(given.rawId), type: given.type, clientExtensionResults: {},
    response: {
      clientDataJSON: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData),
      signature: text(answer.signature), userHandle: answer.userHandle ? text(answer.userHandle) : undefined,
    },
  };
}

// why says what went wrong, in the words of a person.
function why(trouble: unknown): string {
  if (!(trouble instanceof DOMException)) return trouble instanceof Error && trouble.message || "That did not work. Try again.";
  switch (trouble.name) {
    case "NotAllowedError": return "The browser ended it: it was called off, took too long, or the address of this console has no certificate that the browser trusts.";
    case "InvalidStateError": return "This device has a passkey for you here already.";
    case "SecurityError": return "Passkeys do not work at this address. Open the console by its name, with a certificate that the browser trusts.";
    case "NotSupportedError": return "This device cannot make such a passkey.";
  }
  return "The browser could not do it: " + trouble.message;
}

async function go(form: HTMLFormElement): Promise<void> {
  if (!window.PublicKeyCredential) throw new Error("This browser has no passkeys here. It needs to be up to date, and to trust this console's certificate.");
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && name !== "answer") body.set(name, value);
  const reply = await fetch(form.dataset.passkey!, { method: "POST", body, credentials: "same-origin" });
  if (!reply.headers.get("Content-Type")?.includes("json")) { location.reload(); return; }
  const begun = await reply.json();
  if (!reply.ok) throw new Error([begun.message, begun.hint].filter(Boolean).join(" "));
  const { id, options } = begun as Begun;
  const answer = await (options.publicKey.user ? make(options) : prove(options));
  (form.elements.namedItem("id") as HTMLInputElement).value = id;
  (form.elements.namedItem("answer") as HTMLInputElement).value = JSON.stringify(answer);
  for (const secret of ["password", "code"]) { // they have done their work
    const input = form.elements.namedItem(secret);
    if (input instanceof HTMLInputElement) input.disabled = true;
  }
  form.submit();
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey]")) {
  const said = form.querySelector<HTMLElement>("[data-passkey-said]")!;
  const button = form.querySelector("button")!; // the page has it disabled: sent without this script, the form says nothing
  button.disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return;
    said.hidden = button.disabled = true;
    go(form).catch((trouble: unknown) => { said.textContent = why(trouble); said.hidden = false; }).finally(() => { button.disabled = false; });
  });
}
export {};
