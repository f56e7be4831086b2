// Keeps every line that it is sent in the database that DATABASE_URL names, and tells the lines that are there.
const http = require('http');
const net = require('net');
const { Pool } = require('pg');

const pool = process.env.DATABASE_URL && new Pool({ connectionString: process.env.DATABASE_URL, max: 4, connectionTimeoutMillis: 2000 });
if (pool) pool.on('error', () => {});

const reach = (host, port) => new Promise((resolve) => {
  const socket = net.connect({ host, port, timeout: 3000 });
  socket.on('connect', () => { socket.destroy(); resolve('reached'); });
  for (const event of ['error', 'timeout']) socket.on(event, () => { socket.destroy(); resolve('not reached'); });
});

const answer = async (url) => {
  const [, what, one, two] = url.split('/');
  if (what === 'vars') return Object.keys(process.env).sort().join('\n');
  if (what === 'reach') return reach(one, Number(two));
  if (!pool) return 'no database';
  await pool.query('CREATE TABLE IF NOT EXISTS lines (line text)');
  if (what === 'add') {
    await pool.query('INSERT INTO lines VALUES ($1)', [one]);
    return 'kept';
  }
  return (await pool.query('SELECT line FROM lines ORDER BY line')).rows.map((row) => row.line).join('\n') + '\n';
};

const server = http.createServer((request, response) => {
  answer(request.url).then((text) => response.end(text), (error) => { response.statusCode = 500; response.end(String(error)); });
});
server.listen(process.env.PORT, '0.0.0.0');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
