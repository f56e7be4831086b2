// The fingerprint of a key that was pasted, as ssh-keygen -l shows it, before it is added.
const field = document.getElementById("key") as HTMLTextAreaElement;
const line = document.getElementById("key-fingerprint")!;

async function show(): Promise<void> {
  const blob = /^\s*(?:ssh|ecdsa)-[\w-]+\s+([A-Za-z0-9+/]+=*)/.exec(field.value)?.[1];
  line.hidden = true;
  if (!blob || !window.crypto?.subtle) return;
  try {
    const sum = await crypto.subtle.digest("SHA-256", Uint8Array.from(atob(blob), (c) => c.charCodeAt(0)));
    line.querySelector("code")!.textContent = "SHA256:" + btoa(String.fromCharCode(...new Uint8Array(sum))).replace(/=+$/, "");
    line.hidden = false;
  } catch { /* cut off while it is typed: the server says what is wrong */ }
}

field.addEventListener("input", () => void show());
export {};
