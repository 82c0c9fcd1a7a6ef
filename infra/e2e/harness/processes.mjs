// Programs that a test starts; none outlives it.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { artifact } from './artifacts.mjs';

const GRACE_MS = 10_000;
const running = new Set();
const folders = new Set();

function stopEverything() {
  for (const program of running) program.signal('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

process.on('exit', stopEverything);
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(1));
}

/** Creates a folder that is deleted when the test process ends. */
export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `subspace-${name}-`));
  folders.add(folder);
  return folder;
}

/** Returns the path of the first of these programs that is installed. */
export function findProgram(...names) {
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const name of names) {
    for (const place of places) {
      const path = join(place, name);
      if (existsSync(path)) return path;
    }
  }
  throw new Error(`${names[0]} is not installed; cargo xtask setup installs it`);
}

/** A program that is running, and the lines it has printed. One that is `detached` is stopped with its children. */
export class Program {
  #child;
  #detached;
  #ended;
  #waiting = new Set();
  lines = [];

  constructor(name, path, args, options = {}) {
    this.name = name;
    this.#detached = options.detached ?? false;
    this.#child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    running.add(this);
    const log = createWriteStream(artifact(`logs/${name}.log`), { flags: 'a' });
    log.write(`--- ${args.join(' ')}\n`);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        log.write(text);
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        this.lines.push(...lines);
        this.#wake();
      });
    }
    this.#ended = new Promise((resolve) => {
      const end = (how) => {
        running.delete(this);
        log.end(`--- ended: ${how}\n`);
        this.ended = how;
        resolve(how);
        this.#wake();
      };
      this.#child.on('error', (error) => end(error.message));
      this.#child.on('close', (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Waits for a line that matches and returns the match. */
  async line(pattern, limitMs = 30_000) {
    let timer;
    const timeout = new Promise((resolve) => (timer = setTimeout(resolve, limitMs, 'timeout')));
    try {
      for (;;) {
        for (const line of this.lines) {
          const match = pattern.exec(line);
          if (match) return match;
        }
        const said = `it said:\n${this.lines.slice(-20).join('\n')}`;
        if (this.ended) throw new Error(`${this.name} ended (${this.ended}) ; ${said}`);
        const news = new Promise((resolve) => this.#waiting.add(resolve));
        if ((await Promise.race([news, timeout])) === 'timeout') {
          throw new Error(`${this.name} printed nothing like ${pattern} in ${limitMs} ms; ${said}`);
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a text to the program's standard input and closes it. */
  input(text) {
    this.#child.stdin.end(text);
  }

  /** Resolves with how it ended. */
  end() {
    return this.#ended;
  }

  /** Stops it like a service manager, and waits. */
  async stop() {
    if (this.ended) return this.ended;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), GRACE_MS);
    const how = await this.#ended;
    clearTimeout(timer);
    return how;
  }

  /** Stops it like a power failure, and waits. */
  async kill() {
    this.signal('SIGKILL');
    return this.#ended;
  }

  /** Sends a signal, and to its children if it is detached. */
  signal(name) {
    if (!this.#detached) return this.#child.kill(name);
    try {
      // The group's id is that of its first process.
      process.kill(-this.pid, name);
    } catch {
      // It has already ended, or never started.
    }
  }

  #wake() {
    for (const resolve of this.#waiting) resolve('news');
    this.#waiting.clear();
  }
}
