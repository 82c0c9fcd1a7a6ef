// A path to a server that can be blocked: UDP and TCP of one port, from 127.0.0.2 to 127.0.0.1.
import { createSocket } from 'node:dgram';
import { createServer, connect } from 'node:net';

const NEAR = '127.0.0.2';
const FAR = '127.0.0.1';

/** Simulates a change of firewall rules. */
export class Way {
  blocked = false;
  #udp = createSocket('udp4');
  #peers = new Map();
  #tcp;
  #streams = new Set();

  /** The address that clients use. */
  static host = NEAR;

  async open(port) {
    this.#udp.on('message', (message, { address, port: from }) => {
      if (!this.blocked) this.#peer(address, from).send(message, port, FAR);
    });
    this.#tcp = createServer((near) => {
      if (this.blocked) return near.destroy();
      const far = connect(port, FAR);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#streams.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => this.#streams.delete(one));
        one.pipe(other);
      }
    });
    await new Promise((resolve) => this.#udp.bind(port, NEAR, resolve));
    await new Promise((resolve) => this.#tcp.listen(port, NEAR, resolve));
    return this;
  }

  /** Each client has a separate port towards the server, as behind a NAT. */
  #peer(address, port) {
    const key = `${address}:${port}`;
    let socket = this.#peers.get(key);
    if (!socket) {
      socket = createSocket('udp4');
      socket.on('message', (message) => {
        if (!this.blocked) this.#udp.send(message, port, address);
      });
      // An unreachable server is no reason to end.
      socket.on('error', () => {});
      this.#peers.set(key, socket);
      socket.unref();
    }
    return socket;
  }

  block() {
    this.blocked = true;
    for (const stream of this.#streams) stream.destroy();
  }

  unblock() {
    this.blocked = false;
  }

  close() {
    this.block();
    for (const socket of this.#peers.values()) socket.close();
    this.#udp.close();
    this.#tcp.close();
  }
}
