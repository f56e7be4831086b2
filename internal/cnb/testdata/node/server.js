const express = require("express");
const app = express();
app.get("/", (req, res) => res.send("version one " + process.version + " " + process.env.NODE_ENV));
app.listen(process.env.PORT, () => console.log("listening"));
