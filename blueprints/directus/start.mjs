// Starts Directus with what the environment says: brings the tables up to date, and makes the first admin.
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";

const { env } = process;
Object.assign(env, {
  HOST: "0.0.0.0",
  PUBLIC_URL: env.PUBLIC_URL || env.LUGSAIL_URL,
  IP_TRUST_PROXY: "true", // visitors come through Lugsail's
  DB_CLIENT: "pg",
  DB_HOST: env.DATABASE_HOST,
  DB_PORT: env.DATABASE_PORT,
  DB_USER: env.DATABASE_USER,
  DB_PASSWORD: env.DATABASE_PASSWORD,
  DB_DATABASE: env.DATABASE_NAME,
  STORAGE_LOCATIONS: env.STORAGE_LOCATIONS || "local",
  STORAGE_LOCAL_ROOT: "/data/uploads",
  EXTENSIONS_PATH: "/data/extensions",
  LOG_LEVEL: env.LOG_LEVEL || "warn", // else a line for each request, and Lugsail has those already
  TELEMETRY: env.TELEMETRY || "false",
  REFRESH_TOKEN_COOKIE_SECURE: "true",
  SESSION_COOKIE_SECURE: "true",
  NODE_OPTIONS: `--max-old-space-size=${Math.floor((Number(env.LUGSAIL_MEMORY) / (1 << 20)) * 0.7)}`,
});

for (const folder of ["/data/uploads", "/data/extensions"]) await mkdir(folder, { recursive: true });
await database();
await run("bootstrap");
await run("start");

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

// run starts one of Directus' commands, hands signals on to it, and ends with it when it fails.
async function run(command) {
  const program = spawn(process.execPath, ["node_modules/directus/cli.js", command], { stdio: "inherit" });
  const end = (signal) => program.kill(signal);
  process.on("SIGTERM", end).on("SIGINT", end);
  const [code] = await new Promise((resolve) => program.once("exit", (...how) => resolve(how)));
  process.off("SIGTERM", end).off("SIGINT", end);
  if (code !== 0) process.exit(code ?? 1);
}
