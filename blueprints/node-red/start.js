// Starts Node-RED in the process itself, with memory that fits the plan.
const { setFlagsFromString } = require("node:v8");

setFlagsFromString(`--max-old-space-size=${Math.floor((Number(process.env.LUGSAIL_MEMORY ?? 512 << 20) / (1 << 20)) * 0.7)}`);
process.argv.push("--settings", `${__dirname}/settings.js`);
require("node-red/red.js");
