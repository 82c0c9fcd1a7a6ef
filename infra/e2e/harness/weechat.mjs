// WeeChat without a screen: a plain IRC client by others. Commands go in through its fifo, and its logs show what it
// displays.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Program, findProgram, temporaryFolder } from './processes.mjs';
import { until } from './until.mjs';

/** One person with a plain IRC client, connected to one server. */
export class WeeChat {
  #folder = temporaryFolder('weechat');
  #fifo = join(this.#folder, 'fifo');
  #program;

  constructor(nick) {
    this.nick = nick;
  }

  /** Connects and waits until the server welcomes the client. */
  async connect(port, password) {
    const server = [`/server add net 127.0.0.1/${port} -notls -nicks=${this.nick}`];
    server.push(`-username=${this.nick} -autoreconnect -autoreconnect_delay=1 -autorejoin`);
    if (password) server.push(`-password=${password}`);
    const commands = [
      `/set fifo.file.path ${this.#fifo}`,
      '/set logger.file.flush_delay 0',
      '/set irc.network.autoreconnect_delay_growing 1',
      '/set irc.server_default.anti_flood_prio_high 0',
      '/set irc.server_default.anti_flood_prio_low 0',
      server.join(' '),
      '/connect net',
    ];
    const args = ['-d', this.#folder, '--stdout', '-P', 'irc,fifo,logger'];
    args.push('-r', commands.join(';'));
    this.#program = new Program(`weechat-${this.nick}`, findProgram('weechat-headless'), args);
    await until(`${this.nick}'s welcome`, () => /\tWelcome to /.test(this.#log('server.net')));
    return this;
  }

  /** Types into the server's window. */
  command(text) {
    this.#type('server.net', text);
  }

  async join(channel) {
    this.command(`/join ${channel}`);
    const shown = () => /Channel .*: \d+ nick/.test(this.#log(`net.${channel}`));
    await until(`${this.nick} in ${channel}`, shown);
  }

  /** Sends a message to a channel, or to a nick in its private window. */
  say(where, text) {
    if (where.startsWith('#')) this.#type(`net.${where}`, text);
    else this.command(`/query -noswitch ${where} ${text}`);
  }

  /** Waits until this person has read exactly this text from `nick`, and nothing around it. */
  async reads(where, nick, text) {
    await until(`${this.nick} to read "${text}" from ${nick} in ${where}`, () =>
      this.said(where).some((line) => line.nick === nick && line.text === text),
    );
  }

  /** Returns the messages in a channel or private window, as displayed. */
  said(where) {
    const lines = this.#log(`net.${where}`).split('\n');
    return lines
      .map((line) => line.split('\t'))
      .filter(([, nick]) => nick && !['--', '-->', '<--', ' *'].includes(nick))
      .map(([, nick, ...text]) => ({ nick: nick.replace(/^[@+%&~]/, ''), text: text.join('\t') }));
  }

  /** Waits for a line of any kind in a window. */
  async sees(where, pattern) {
    await until(`${this.nick} to see ${pattern} in ${where}`, () =>
      pattern.test(this.#log(where === 'server' ? 'server.net' : `net.${where}`)),
    );
  }

  stop() {
    return this.#program.stop();
  }

  #type(buffer, text) {
    for (const line of text.split('\n')) appendFileSync(this.#fifo, `irc.${buffer} *${line}\n`);
  }

  #log(buffer) {
    const path = join(this.#folder, 'logs', `irc.${buffer.toLowerCase()}.weechatlog`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }
}
