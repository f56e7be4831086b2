// Starts Ghost with what the environment says, and makes the owner's account at the first start.
import { cp, lstat, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";

const program = join(import.meta.dirname, "node_modules/ghost");
const content = "/content";
const { env } = process;
const url = env.URL || env.LUGSAIL_URL;

await layOut();
await database();
Object.assign(env, {
  url,
  server__host: "0.0.0.0",
  server__port: env.PORT,
  database__client: "mysql",
  database__connection__host: env.DATABASE_HOST,
  database__connection__port: env.DATABASE_PORT,
  database__connection__user: env.DATABASE_USER,
  database__connection__password: env.DATABASE_PASSWORD,
  database__connection__database: env.DATABASE_NAME,
  paths__contentPath: content,
  logging__transports: '["stdout"]',
  logging__level: env.logging__level || "warn",
  process: "local",
  mail__transport: env.mail__transport || "Direct",
  // A new computer would have to be confirmed by mail, and a fresh server sends none.
  security__staffDeviceVerification: env.security__staffDeviceVerification || "false",
});
process.chdir(program);
createRequire(join(program, "index.js"))("./index.js");
await makeOwner();

// layOut makes the folders in the volume. The themes that Ghost brings lead into the program, so that they are of its
// version; a folder of the same name that is the person's own stays.
async function layOut() {
  for (const folder of ["apps", "data", "files", "images", "logs", "media", "public", "settings", "themes"]) {
    await mkdir(join(content, folder), { recursive: true });
  }
  const shipped = join(program, "content/themes");
  for (const theme of await readdir(shipped)) {
    const place = join(content, "themes", theme);
    const there = await lstat(place).catch(() => null);
    if (there && !there.isSymbolicLink()) continue;
    await rm(place, { force: true });
    await symlink(join(shipped, theme), place);
  }
  const settings = join(program, "content/settings");
  if ((await lstat(settings).catch(() => null))?.isDirectory()) {
    await cp(settings, join(content, "settings"), { recursive: true, force: false });
  }
}

// database waits for the add-on, which is made in the same moment as the app.
async function database() {
  const answers = () => new Promise((resolve) => {
    const socket = connect(env.DATABASE_PORT, env.DATABASE_HOST);
    socket.once("error", () => resolve(false)).once("connect", () => {
      socket.end();
      resolve(true);
    });
  });
  for (let second = 0; second < 240 && !(await answers()); second += 0.5) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

// makeOwner sets up the site with the account that the config vars name, before anybody else can.
async function makeOwner() {
  if (!env.ADMIN_EMAIL || !env.ADMIN_PASSWORD) return;
  const address = `http://127.0.0.1:${env.PORT}/ghost/api/admin/authentication/setup/`;
  const headers = { "Content-Type": "application/json", Host: new URL(url).host, Origin: new URL(url).origin, "X-Forwarded-Proto": "https" };
  for (let second = 0; second < 240; second += 0.2) {
    try {
      const answer = await fetch(address, { headers });
      if (answer.ok) {
        const { setup } = await answer.json();
        if (setup[0].status) return;
        const owner = { name: env.ADMIN_NAME || "Admin", email: env.ADMIN_EMAIL, password: env.ADMIN_PASSWORD, blogTitle: env.TITLE || "My site" };
        const made = await fetch(address, { method: "POST", headers, body: JSON.stringify({ setup: [owner] }) });
        if (!made.ok) console.error(`The owner's account was not made: ${made.status} ${await made.text()}`);
        return;
      }
    } catch {
      // Ghost does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
