// What runs in front of servers that do not do everything: the web server of an installation, and one that terminates
// TLS.
import { execFileSync } from 'node:child_process';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

import { findProgram, temporaryFolder } from './processes.mjs';

const HOST = '127.0.0.1';
/** The paths of the functions, as in wrangler.toml. */
const FUNCTIONS =
  /^\/(\.well-known|api|connector|healthz|hooks|notifications|oauth|storage)(\/|$|\?)/;
const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** Listens on a free port, and stops with all its connections. */
async function listen(server) {
  const open = new Set();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const stop = () => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { port: server.address().port, stop };
}

/** The headers that the web client's `_headers` sets for every path. */
function headersOf(folder) {
  const [, lines] = /^\/\*\n((?: .*\n)+)/m.exec(readFileSync(join(folder, '_headers'), 'utf8'));
  const pairs = lines.trim().split('\n');
  return Object.fromEntries(pairs.map((line) => line.trim().split(/:\s+(.*)/s)));
}

/** A web server with the client's files, which forwards the functions' requests to `port`. */
export async function startFront(folder, port) {
  const headers = headersOf(folder);
  const handOn = (from, to) => {
    const { method, url: path } = from;
    const more = { 'x-forwarded-for': from.socket.remoteAddress };
    const options = { host: HOST, port, method, path, headers: { ...from.headers, ...more } };
    const onward = request(options, (answer) => {
      to.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(to);
    });
    onward.on('error', () => to.destroy());
    to.on('close', () => onward.destroy());
    from.pipe(onward);
  };
  const file = (from, to) => {
    const { pathname } = new URL(from.url, 'http://front');
    const path = join(folder, normalize(pathname === '/' ? '/index.html' : pathname));
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      return to.writeHead(404).end();
    }
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    to.writeHead(200, { ...headers, 'content-type': type });
    createReadStream(path).pipe(to);
  };
  return listen(
    createServer((from, to) => (FUNCTIONS.test(from.url) ? handOn(from, to) : file(from, to))),
  );
}

/** Terminates TLS, with a self-signed certificate, and forwards to `port`. */
export async function startTls(port) {
  const folder = temporaryFolder('tls');
  const [key, cert] = ['key', 'cert'].map((name) => join(folder, name));
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-days', '2', '-subj', '/CN=localhost', '-addext', `subjectAltName=IP:${HOST}`];
  execFileSync(findProgram('openssl'), ['req', ...kind, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (near) => {
    const far = connect(port, HOST);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  return listen(server);
}
