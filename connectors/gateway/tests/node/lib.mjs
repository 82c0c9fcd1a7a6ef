// Shared by the scripts: sockets that answer with promises and keep what they received.
import assert from "node:assert/strict";
import { io } from "socket.io-client";

export { assert };
export const { url, tickets } = JSON.parse(process.env.SCENARIO);
export const AS = "https://www.w3.org/ns/activitystreams";
export const SH = "https://sockethub.org/ns/context/v1.jsonld";
export const CTX = [AS, SH, "https://sockethub.org/ns/context/platform/irc/v1.jsonld"];
const LIMIT = 15000;

export function within(what, promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`never happened: ${what}`)), LIMIT);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

export class Peer {
  constructor(auth, options = {}) {
    this.socket = io(url, { path: "/sockethub", auth, forceNew: true, reconnection: false, ...options });
    const transports = options.transports ?? ["polling", "websocket"];
    this.changes = transports[0] === "polling" && transports.includes("websocket");
    this.got = [];
    this.errors = [];
    this.others = [];
    this.waiting = [];
    this.socket.onAny((event, value) => {
      (event === "message" ? this.got : event === "error" ? this.errors : this.others).push(value);
      this.waiting = this.waiting.filter((look) => !look());
    });
    this.closed = new Promise((resolve) => this.socket.on("disconnect", resolve));
  }
  open() {
    const opened = new Promise((resolve, reject) => {
      this.socket.on("connect", resolve);
      this.socket.on("connect_error", reject);
    });
    return within("connect", opened).then(() => this);
  }
  ask(event, value) {
    return within(
      `ack of ${event} ${JSON.stringify(value)?.slice(0, 80)}`,
      new Promise((resolve) => this.socket.emit(event, value, resolve)),
    );
  }
  message(value) {
    return this.ask("message", value);
  }
  // Waits for a message, also among those already received.
  wait(what, test, list = this.got) {
    const found = new Promise((resolve) => {
      const look = () => {
        const value = list.find(test);
        if (value) resolve(value);
        return Boolean(value);
      };
      if (!look()) this.waiting.push(look);
    });
    return within(what, found);
  }
  close() {
    // A client that leaves while Socket.IO upgrades from polling to WebSocket may be noticed late; that is not tested
    // here.
    const { engine } = this.socket.io;
    if (this.changes && engine?.transport.name === "polling") engine.once("upgrade", () => this.socket.close());
    else this.socket.close();
  }
}

export const person = (nick) => ({ id: `${nick}@irc.test`, type: "person", name: nick });
export const room = (name) => ({ id: `${name}@irc.test`, type: "room", name });
export const act = (type, nick, rest = {}) => ({ "@context": CTX, type, actor: person(nick), ...rest });
export const say = (nick, target, content) =>
  act("send", nick, { target, object: { type: "message", content } });
export const content = (text) => (value) => value.object?.content === text;

export async function current(account, options = {}) {
  const peer = await new Peer({ ticket: tickets[account], ...options.auth }, options.io).open();
  await peer.ask("schemas", null);
  const ack = await peer.message(act("connect", account));
  assert.equal(ack.error, undefined);
  return peer;
}
