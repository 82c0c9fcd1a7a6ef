// The binary `subspace` as its operator runs it.
import { Program, temporaryFolder } from './processes.mjs';

/** Returns the path of the binary under test. */
export function binary() {
  const path = process.env.SUBSPACE_BIN;
  if (!path) throw new Error('SUBSPACE_BIN is not set; run the suite with cargo xtask e2e');
  return path;
}

/** `subspace serve` with its own data folder and ports. */
export class Subspace {
  data = temporaryFolder('data');
  #program;
  #web = '127.0.0.1:0';
  #irc = '127.0.0.1:0';

  constructor(name) {
    this.name = name;
  }

  /** Starts it, on its former ports if it ran before. */
  async start(flags = [], { smtp = 'off', turn = 'off' } = {}) {
    const args = ['serve', '--data', this.data, '--listen', this.#web];
    args.push('--ircd-listen', this.#irc, '--mail-listen', smtp);
    args.push('--turn-listen', turn, ...flags);
    this.#program = new Program(this.name, binary(), args);
    [, this.origin] = await this.#program.line(/^ready (http:\S+)$/, 60_000);
    const [, irc] = await this.#program.line(/^irc (\S+)$/);
    this.#web = new URL(this.origin).host;
    this.#irc = irc;
    this.ircPort = Number(irc.split(':').pop());
    return this;
  }

  /** Returns the link for creating the first account. */
  async setUpLink() {
    return (await this.#program.line(/^set-up (http:\S+)$/))[1];
  }

  get lines() {
    return this.#program.lines;
  }

  stop() {
    return this.#program.stop();
  }

  kill() {
    return this.#program.kill();
  }

  /** Returns a token from the admin command, for programs that read the account's storage. */
  async token(account, scope) {
    const args = ['token', account, '--scope', scope, '--data', this.data];
    const program = new Program(`${this.name}-token`, binary(), args);
    const how = await program.end();
    if (how !== 'exit code 0') {
      throw new Error(`subspace token: ${how}: ${program.lines.join('\n')}`);
    }
    return program.lines[0];
  }
}
