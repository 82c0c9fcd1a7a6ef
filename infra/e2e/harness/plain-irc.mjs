// A plain IRC client that only talks: for crowds and floods, where a whole program would be in the way.
import { connect } from 'node:net';

import { until } from './until.mjs';

export class PlainIrc {
  lines = [];
  #socket;

  constructor(nick) {
    this.nick = nick;
  }

  /** Connects and registers. */
  async connect(port) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('utf8');
    let rest = '';
    this.#socket.on('data', (text) => {
      const lines = (rest + text).split('\r\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith('PING')) this.send(line.replace('PING', 'PONG'));
        else this.lines.push(line);
      }
    });
    this.#socket.on('error', () => {});
    this.send(`NICK ${this.nick}`);
    this.send(`USER ${this.nick} 0 * :${this.nick}`);
    await this.heard(/ 001 /);
    return this;
  }

  send(line) {
    this.#socket.write(`${line}\r\n`);
  }

  async join(channel) {
    this.send(`JOIN ${channel}`);
    await this.heard(new RegExp(` 366 ${this.nick} `));
    return this;
  }

  say(to, text) {
    this.send(`PRIVMSG ${to} :${text}`);
  }

  heard(pattern) {
    return until(`${this.nick} to hear ${pattern}`, () =>
      this.lines.find((line) => pattern.test(line)),
    );
  }

  stop() {
    this.#socket?.destroy();
  }
}
