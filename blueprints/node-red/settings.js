// Node-RED's settings: https://nodered.org/docs/user-guide/runtime/configuration
const { hashSync } = require("bcryptjs");

const { ADMIN_PASSWORD, CREDENTIAL_SECRET, PORT } = process.env;
if (!ADMIN_PASSWORD || !CREDENTIAL_SECRET) {
  console.error("The config vars ADMIN_PASSWORD and CREDENTIAL_SECRET are missing: lugsail config set ADMIN_PASSWORD=…");
  process.exit(1);
}

module.exports = {
  uiPort: PORT,
  uiHost: "0.0.0.0",
  userDir: "/data",
  flowFile: "flows.json",
  flowFilePretty: true,
  credentialSecret: CREDENTIAL_SECRET,
  adminAuth: {
    type: "credentials",
    users: [{ username: "admin", password: hashSync(ADMIN_PASSWORD, 10), permissions: "*" }],
  },
  httpServerOptions: { "trust proxy": true }, // visitors come through Lugsail's
  contextStorage: { default: { module: "localfilesystem" } }, // what flows remember outlives a restart
  functionExternalModules: true,
  exportGlobalContextKeys: false,
  telemetry: { enabled: false },
  logging: { console: { level: "info", metrics: false, audit: false } },
  editorTheme: { tours: false, projects: { enabled: false } },
};
