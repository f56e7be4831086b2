// This is the whole server. Change it, commit, git push: Lugsail builds it and brings it live.
import express from "express";

const app = express();
app.disable("x-powered-by");

// Visitors come through Lugsail's proxy. With this line req.protocol is "https" and req.ip is the visitor's.
app.set("trust proxy", true);

// What lies in the folder public is served as it is: public/index.html is the first page.
app.use(express.static("public"));

// A page that is made for each request. Config vars (lugsail config set GREETING=Ahoy) are in process.env.
app.get("/hello/:name", (req, res) => {
  res.type("text").send(`${process.env.GREETING ?? "Hello"}, ${req.params.name}!`);
});

// Lugsail asks here whether a new release works before it gets visitors.
app.get("/health", (_req, res) => {
  res.type("text").send("ok");
});

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`Listening on port ${server.address().port}`);
});

// At a deployment the new release takes over; this one finishes what it has begun and ends.
process.on("SIGTERM", () => server.close());
